import pg from "pg";
import type { CopyRuns } from "./seed-runs.ts";

/** Copies runs in Spine's schema of a Postgres database. */
export const copyInPostgres: CopyRuns = async (url, copies) => {
  const client = new pg.Client({ connectionString: url, application_name: "bench-admin" });
  await client.connect();
  try {
    await client.query("SET synchronous_commit = off");
    const tables = await tablesOf(client);
    for (const batch of copies()) {
      const lists = [
        batch.map(({ original }) => original),
        batch.map(({ runId }) => runId),
        batch.map(({ at }) => at),
      ];
      for (const [table, columns] of tables) await client.query(copySql(table, columns), lists);
    }
    await client.query("VACUUM ANALYZE");
    // What was copied is written out now, and not while queries are measured.
    await client.query("CHECKPOINT");
  } finally {
    await client.end();
  }
};

interface Column {
  readonly name: string;
  readonly type: string;
}

/** The tables that say something about a run, without those that the database keeps itself. */
async function tablesOf(client: pg.Client): Promise<ReadonlyMap<string, readonly Column[]>> {
  const { rows } = await client.query<Column & { table_name: string }>(
    `SELECT table_name, column_name AS name, data_type AS type FROM information_schema.columns
WHERE table_schema = 'spine' ORDER BY table_name, ordinal_position`,
  );
  const tables = Map.groupBy(rows, ({ table_name }) => table_name);
  const ofRuns = [...tables].filter(
    ([table, columns]) =>
      table !== "run_tags" && columns.some(({ name, type }) => name === "run_id" && type === "uuid"),
  );
  return new Map(ofRuns);
}

function copySql(table: string, columns: readonly Column[]): string {
  const values = columns.map(({ name, type }) => {
    if (name === "run_id") return "s.run_id";
    return type.startsWith("timestamp") ? `CASE WHEN o.${name} IS NOT NULL THEN s.at END` : `o.${name}`;
  });
  return `INSERT INTO spine.${table} (${columns.map(({ name }) => name).join(", ")}) SELECT ${values.join(", ")}
FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[]) WITH ORDINALITY AS s(original, run_id, at, n)
JOIN spine.${table} o ON o.run_id = s.original ORDER BY s.n`;
}
