import { DatabaseSync } from "node:sqlite";
import type { CopyRuns } from "./seed-runs.ts";

/** Copies runs in a SQLite file. */
export const copyInSqlite: CopyRuns = async (path, copies) => {
  const file = new DatabaseSync(path);
  file.exec("PRAGMA synchronous = OFF; PRAGMA cache_size = -500000");
  file.exec("CREATE TEMP TABLE seed (n INTEGER PRIMARY KEY, original TEXT, run_id TEXT, at TEXT)");
  const add = file.prepare("INSERT INTO seed (original, run_id, at) VALUES (?, ?, ?)");
  const inserts = tablesOf(file).map((table) => file.prepare(copySql(file, table)));
  for (const batch of copies()) {
    file.exec("BEGIN; DELETE FROM seed");
    for (const { original, runId, at } of batch) add.run(original, runId, at);
    for (const insert of inserts) insert.run();
    file.exec("COMMIT");
  }
  file.exec("PRAGMA wal_checkpoint(TRUNCATE)");
  file.close();
};

/** The tables that say something about a run, without those that the database keeps itself. */
function tablesOf(file: DatabaseSync): readonly string[] {
  const rows = file
    .prepare(
      `SELECT m.name FROM sqlite_master AS m JOIN pragma_table_info(m.name) AS c
WHERE m.type = 'table' AND c.name = 'run_id' AND m.name <> 'run_tags' ORDER BY m.name`,
    )
    .all();
  return rows.map(({ name }) => String(name));
}

function copySql(file: DatabaseSync, table: string): string {
  const columns = file
    .prepare("SELECT name FROM pragma_table_info(?)")
    .all(table)
    .map(({ name }) => String(name));
  const values = columns.map((name) => {
    if (name === "run_id") return "s.run_id";
    return /(^|_)at$/.test(name) ? `CASE WHEN o.${name} IS NOT NULL THEN s.at END` : `o.${name}`;
  });
  return `INSERT INTO ${table} (${columns.join(", ")}) SELECT ${values.join(", ")}
FROM temp.seed s CROSS JOIN ${table} o ON o.run_id = s.original ORDER BY s.n`;
}
