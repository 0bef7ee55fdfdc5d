import { createHash } from "node:crypto";
import { DatabaseSync } from "node:sqlite";

/** Reads a database file from outside, as an operator with the sqlite3 shell would. */
export function query(db: string, sql: string): readonly Readonly<Record<string, unknown>>[] {
  const database = new DatabaseSync(db, { readOnly: true });
  try {
    return database.prepare(sql).all();
  } finally {
    database.close();
  }
}

/** A hash over the whole target table, byte for byte; "absent" where there is none. */
export function tableHash(db: string): string {
  const tables = query(db, "select name from sqlite_master where name = 'finra_otc_trade_activity'");
  if (tables.length === 0) return "absent";
  const rows = query(
    db,
    "select * from finra_otc_trade_activity order by tier, week_start, symbol, mpid, issue_name",
  );
  return createHash("sha256").update(JSON.stringify(rows)).digest("hex");
}

/** The recorded attempts of a run in order: `["fetch#1 COMPLETED", …]`. */
export function attempts(db: string, runId: string): readonly string[] {
  return query(
    db,
    `select step_name, attempt, status from workflow_step_runs where run_id = '${runId}' order by seq`,
  ).map((row) => `${String(row.step_name)}#${String(row.attempt)} ${String(row.status)}`);
}
