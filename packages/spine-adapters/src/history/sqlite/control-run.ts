import { type CommitResult, type ControlCommit, isTerminal, type RunStatus } from "spine-core";
import { beginsAnew, changeOf, clearsError } from "../control-change.ts";
import { isoTime } from "../iso-time.ts";
import { readOpenSteps } from "../open-steps.ts";
import { errorCode, runChanged } from "../run-events.ts";
import type { RunPositions } from "../run-positions.ts";
import type { RunRow } from "../run-rows.ts";
import { cancelSteps, type HistoryWrite, tell } from "./run-facts.ts";

/** Changes a run from outside, and where it is asked for those below it that steps wait for. */
export function controlRun(
  scope: HistoryWrite,
  commit: ControlCommit,
  positions: RunPositions,
): CommitResult {
  const result = controlOne(scope, commit, positions);
  if (result.result !== "committed" || !commit.withChildren) return result;
  // One that has ended, or is not in one of the statuses, is left as it is; what is below it is not.
  for (const runId of runsBelow(scope, commit.runId)) controlOne(scope, { ...commit, runId }, positions);
  return result;
}

/** The runs that steps of a run wait for, and those that steps of these wait for, and so on. */
function runsBelow({ connection, sql }: HistoryWrite, runId: string): readonly string[] {
  const { workflow_runs } = sql.tables;
  return connection
    .all<{ run_id: string }>(
      `WITH RECURSIVE below (run_id) AS (
  SELECT run_id FROM ${workflow_runs} WHERE parent_run_id = ? AND parent_step IS NOT NULL
  UNION
  SELECT r.run_id FROM below b CROSS JOIN ${workflow_runs} r ON r.parent_run_id = b.run_id WHERE r.parent_step IS NOT NULL)
SELECT run_id FROM below`,
      runId,
    )
    .map(({ run_id }) => run_id);
}

/** Changes a run, whoever owns it: its token is raised, and its attempts under way are cancelled. */
function controlOne(scope: HistoryWrite, commit: ControlCommit, positions: RunPositions): CommitResult {
  const { connection, sql, at } = scope;
  const { runId, from, reason } = commit;
  const run = connection.get<RunRow>(sql.runRow, runId);
  if (!run) return { result: "missing" };
  const before = from.find((status) => status === run.status);
  if (!before) return { result: "conflict", status: run.status as RunStatus };
  const hasToUndo = commit.undoing !== undefined && isToUndo(scope, run);
  const change = changeOf(commit, { status: before, ends_as: run.ends_as, hasToUndo });
  const workflow = run.workflow_name;
  if (!change) {
    return {
      result: "committed",
      version: run.version,
      controlled: { workflow, status: before, changed: false },
    };
  }
  positions.forget(runId);
  if (isTerminal(before)) keepEnd(scope, run);
  const open = readOpenSteps(run.open_steps);
  cancelSteps(scope, runId, run.version, open, null);
  const version = run.version + open.length + 1;
  const { status, outputs, error, availableAt, inbox, endsAs } = change;
  const queued = status === "PENDING";
  const due = availableAt == null ? null : isoTime(availableAt);
  const deadline = beginsAnew(change, before) ? deadlineAnew(run, at) : deadlineOf(run);
  const paused = status === "PAUSED" && run.ends_as === null ? deadline.deadline_at : null;
  const missed = inbox !== undefined && run.inbox > inbox;
  connection.run(
    `UPDATE ${sql.tables.workflow_runs} SET status = ?, version = ?, token = token + 1, open_steps = NULL,
  worker = iif(?, worker, NULL), outputs = iif(?, NULL, coalesce(?, outputs)), error = iif(?, ?, error),
  ends_as = iif(?, ?, ends_as), available_at = ?, completed_at = ?, debounce_key = NULL, deadline_at = ?, deadline_ms = ?,
  crashes = iif(completed_at IS NULL, crashes, 0) WHERE run_id = ?`,
    status,
    version,
    status === "RUNNING" ? 1 : 0,
    // Queued again: what it ended with the last time is not its result any more.
    queued && outputs === undefined ? 1 : 0,
    outputs ?? null,
    error !== undefined || clearsError(change, run.ends_as) ? 1 : 0,
    error ? JSON.stringify(error) : null,
    endsAs === undefined ? 0 : 1,
    endsAs ?? null,
    queued ? (due ?? at) : status !== "WAITING" ? paused : missed ? at : due,
    isTerminal(status) ? at : null,
    deadline.deadline_at,
    deadline.deadline_ms,
    runId,
  );
  tell(scope, runId, version - 1, [runChanged(status, { reason, ...errorCode(error) })]);
  return { result: "committed", version, controlled: { workflow, status, changed: true } };
}

/** True when a step of the run is COMPLETED that may have to be undone; one that it has from another run is not its own. */
function isToUndo({ connection, sql }: HistoryWrite, { run_id, has_undo, inherited }: RunRow): boolean {
  if (!has_undo) return false;
  const own = `SELECT 1 FROM ${sql.tables.workflow_step_runs} WHERE run_id = ? AND seq > ? AND status = 'COMPLETED' LIMIT 1`;
  return connection.get(own, run_id, inherited) !== undefined;
}

type Deadline = Required<Pick<RunRow, "deadline_at" | "deadline_ms">>;

function deadlineOf({ deadline_at, deadline_ms = null }: RunRow): Deadline {
  return { deadline_at, deadline_ms };
}

/** As long again, from now on. */
function deadlineAnew(run: RunRow, at: string): Deadline {
  if (run.deadline_at === null) return deadlineOf(run);
  const deadline_ms = run.deadline_ms ?? Date.parse(run.deadline_at) - Date.parse(run.created_at);
  return { deadline_at: isoTime(Date.parse(at) + deadline_ms), deadline_ms };
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
