import { type ChildEnd, type Inbox, runOutputs } from "spine-core";
import type { SqliteConnection } from "../../databases/sqlite/sqlite-connection.ts";
import { type RunRow, readRun, readSignal, readStep, type SignalRow, type StepRow } from "../run-rows.ts";
import type { HistorySql } from "./history-sql.ts";

/** What has come for a run, and which of these children of it have ended. */
export function readInbox(
  connection: SqliteConnection,
  sql: HistorySql,
  runId: string,
  children: readonly string[],
): Inbox | undefined {
  const { workflow_runs, signals } = sql.tables;
  const run = connection.get<{ inbox: number }>(`SELECT inbox FROM ${workflow_runs} WHERE run_id = ?`, runId);
  if (!run) return undefined;
  const untaken = connection.all<SignalRow>(
    `SELECT signal_id, name, payload, sent_at FROM ${signals} WHERE run_id = ? AND taken = 0 ORDER BY seq`,
    runId,
  );
  const ended =
    children.length === 0
      ? []
      : connection.all<RunRow>(
          `SELECT * FROM ${workflow_runs} WHERE run_id IN (SELECT value FROM json_each(?))
  AND status IN ('COMPLETED', 'FAILED', 'CANCELLED')`,
          JSON.stringify(children),
        );
  return {
    count: run.inbox,
    signals: untaken.map(readSignal),
    children: ended.map((row) => endOf(connection, sql, row)),
  };
}

function endOf(connection: SqliteConnection, sql: HistorySql, row: RunRow): ChildEnd {
  const { runId, status, error } = readRun(row);
  const outputs =
    status === "COMPLETED" ? runOutputs(connection.all<StepRow>(sql.stepRows, runId).map(readStep)) : null;
  return { runId, status: status as ChildEnd["status"], outputs, error };
}
