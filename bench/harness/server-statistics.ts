import pg from "pg";
import type { System } from "./system.ts";

/** Marks our own statements, which do not count. */
const OWN = "bench-admin";

/**
 * Starts to count the statements that clients send to this Postgres database, BEGIN and COMMIT included, those
 * inside functions, triggers and foreign keys excluded. Returns what reads the count; undefined for SQLite.
 */
export async function statementsOf(
  system: System,
  url: string,
): Promise<(() => Promise<number>) | undefined> {
  if (system.database !== "postgres") return undefined;
  const sent = () =>
    withClient(url, async (client) => {
      await client.query(`CREATE EXTENSION IF NOT EXISTS pg_stat_statements /* ${OWN} */`);
      return await numberOf(
        client,
        `
SELECT coalesce(sum(calls), 0) AS n /* ${OWN} */ FROM pg_stat_statements AS s
JOIN pg_database AS d ON d.oid = s.dbid
WHERE d.datname = current_database() AND s.toplevel
  AND s.query NOT LIKE '%${OWN}%' AND s.query !~ '^SELECT \\S+ FROM ONLY '`,
      );
    });
  const before = await sent();
  return async () => (await sent()) - before;
}

/**
 * Rows (or entries of an index) of Postgres tables that `work` read, for each row that it returned. `work` closes
 * its connections: that is when a server counts what they did. Undefined for SQLite.
 */
export async function rowsReadOf(
  system: System,
  url: string,
  tables: readonly string[],
  work: () => Promise<number>,
): Promise<number | undefined> {
  if (system.database !== "postgres") return undefined;
  const read = () =>
    withClient(url, (client) =>
      numberOf(
        client,
        `
SELECT sum(t.seq_tup_read + i.read) AS n FROM pg_stat_user_tables AS t
CROSS JOIN LATERAL (
  SELECT coalesce(sum(idx_tup_read), 0) AS read FROM pg_stat_user_indexes AS x WHERE x.relid = t.relid
) AS i
WHERE t.relname IN (${tables.map((table) => `'${table}'`).join(", ")})`,
      ),
    );
  await withClient(url, (client) => client.query("VACUUM ANALYZE"));
  const before = await read();
  const returned = await work();
  return ((await read()) - before) / Math.max(1, returned);
}

async function numberOf(client: pg.Client, sql: string): Promise<number> {
  const { rows } = await client.query<{ n: string }>(sql);
  return Number(rows[0]?.n);
}

async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url, application_name: OWN });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
