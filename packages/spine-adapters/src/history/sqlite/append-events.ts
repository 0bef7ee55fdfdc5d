import type { SqliteConnection } from "../../databases/sqlite/sqlite-connection.ts";
import type { NewEvent } from "../run-events.ts";
import type { HistorySql } from "./history-sql.ts";

/** Appends events to a run whose version is theirs already: `version` is the number of the last one. */
export function appendEvents(
  connection: SqliteConnection,
  sql: HistorySql,
  runId: string,
  version: number,
  at: string,
  events: readonly NewEvent[],
): void {
  for (const [index, { type, data }] of events.entries()) {
    const seq = version - events.length + 1 + index;
    connection.insert(sql.tables.run_events, { run_id: runId, seq, type, at, data: JSON.stringify(data) });
  }
}
