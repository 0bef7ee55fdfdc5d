import { type CommitResult, type ControlCommit, isTerminal } from "spine-core";
import { isoTime } from "../iso-time.ts";
import { readOpenSteps } from "../open-steps.ts";
import { errorCode, runChanged } from "../run-events.ts";
import type { RunRow } from "../run-rows.ts";
import { cancelSteps, type HistoryWrite, tell } from "./run-facts.ts";

/** Changes a run from outside, whoever owns it: its token is raised, and its attempts under way are cancelled. */
export function controlRun(
  scope: HistoryWrite,
  { runId, from, change, reason }: ControlCommit,
): CommitResult {
  const { connection, sql, at } = scope;
  const run = connection.get<RunRow>(sql.runRow, runId);
  if (!run) return { result: "missing" };
  const before = from.find((status) => status === run.status);
  if (!before) return { result: "conflict", status: run.status as typeof change.status };
  if (isTerminal(before)) keepEnd(scope, run);
  const open = readOpenSteps(run.open_steps);
  cancelSteps(scope, runId, run.version, open, null);
  const version = run.version + open.length + 1;
  const { status, outputs, error, availableAt } = change;
  const queued = status === "PENDING";
  const due = availableAt === undefined ? null : isoTime(availableAt);
  connection.run(
    `UPDATE ${sql.tables.workflow_runs} SET status = ?, version = ?, token = token + 1, open_steps = NULL,
  worker = iif(?, worker, NULL), outputs = iif(?, NULL, coalesce(?, outputs)), error = iif(?, ?, error),
  available_at = ?, completed_at = ? WHERE run_id = ?`,
    status,
    version,
    status === "RUNNING" ? 1 : 0,
    // Queued again: what it ended with the last time is not its result any more.
    queued && outputs === undefined ? 1 : 0,
    outputs ?? null,
    queued || error !== undefined ? 1 : 0,
    error ? JSON.stringify(error) : null,
    queued ? (due ?? at) : status === "WAITING" ? due : null,
    isTerminal(status) ? at : null,
    runId,
  );
  tell(scope, runId, version - 1, [runChanged(status, { reason, ...errorCode(error) })]);
  return { result: "committed", version };
}

/** The end of a run is told by its row; before that changes, it becomes a row of its own. */
function keepEnd({ connection, sql }: HistoryWrite, run: RunRow): void {
  connection.run(
    `INSERT INTO ${sql.tables.run_events} (run_id, seq, type, at, data)
SELECT run_id, version, 'run.' || lower(status), completed_at,
  iif(error IS NULL, '{}', json_object('error_code', error ->> '$.code'))
FROM ${sql.tables.workflow_runs} WHERE run_id = ? ON CONFLICT DO NOTHING`,
    run.run_id,
  );
}
