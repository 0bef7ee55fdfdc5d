import { type ClaimedRun, type ClaimRequest, type StepBegin, TRACKED } from "spine-core";
import type { SqliteConnection } from "../../databases/sqlite/sqlite-connection.ts";
import { isoTime } from "../iso-time.ts";
import { writeOpenSteps } from "../open-steps.ts";
import type { RunPositions } from "../run-positions.ts";
import type { CheckpointRow, RunRow, StepRow } from "../run-rows.ts";
import { openOrNone, readClaimed } from "../stored-run.ts";
import type { HistorySql } from "./history-sql.ts";
import { tell } from "./run-facts.ts";

/** A run that is to be claimed. */
export interface Candidate {
  readonly run_id: string;
  readonly status: string;
  readonly worker: string | null;
}

/** The runs of workers that are gone, up to `limit` of them. */
export function lostRuns(
  connection: SqliteConnection,
  { tables }: HistorySql,
  { workflows, limit, pinned }: ClaimRequest,
  gone: readonly string[],
): readonly Candidate[] {
  if (gone.length === 0) return [];
  return connection.all<Candidate>(
    `SELECT run_id, status, worker FROM ${tables.workflow_runs}
WHERE status = 'RUNNING' AND worker IN (SELECT value FROM json_each(?))
  AND (fingerprint = '${TRACKED}' OR workflow_name IN (SELECT value FROM json_each(?))
    AND (attempts = 0 OR NOT EXISTS (
      SELECT 1 FROM json_each(?) p WHERE p.key = workflow_name AND p.value <> fingerprint)))
ORDER BY run_id LIMIT ?`,
    JSON.stringify(gone),
    JSON.stringify(workflows),
    // A workflow may have any name, `__proto__` included.
    JSON.stringify(Object.fromEntries(pinned ?? [])),
    limit,
  );
}

/** Gives a run to a worker. Attempts that its last owner left under way stay so: the new one ends them. */
export function claimRun(
  connection: SqliteConnection,
  sql: HistorySql,
  { run_id, status, worker: lastOwner }: Candidate,
  { worker, first }: ClaimRequest,
  now: number,
  positions: RunPositions,
): ClaimedRun {
  const at = isoTime(now);
  const takenOver = status === "RUNNING";
  const claimed = connection.get<RunRow>(sql.claimRun, worker, at, takenOver ? 1 : 0, run_id);
  if (!claimed) throw new Error(`Run ${run_id} vanished inside a transaction`);
  // One whose deadline is over ends without having begun.
  const isOver = claimed.deadline_at !== null && claimed.deadline_at <= at;
  const begins = takenOver || isOver || claimed.attempts > 0 ? undefined : first?.get(claimed.workflow_name);
  const begun = begins?.fingerprint === claimed.fingerprint ? begins.begun : [];
  const row = begun.length === 0 ? claimed : begin(connection, sql, claimed, begun, at);
  const reason = takenOver ? "takeover" : status === "WAITING" ? "waiting" : "queued";
  const isFirst = row.started_at === at && !takenOver && neverBegan(connection, sql, claimed);
  const data = { worker, reason, ...(takenOver ? { lost_worker: lastOwner } : {}) };
  // The second event of a run stands in its row.
  if (claimed.version > 2) {
    const type = isFirst ? "run.started" : "run.resumed";
    tell({ connection, sql, at }, run_id, claimed.version - 1, [{ type, data }]);
  }
  const fence = { worker, token: row.token };
  const open = openOrNone(row);
  positions.set(run_id, { ...fence, attempts: row.attempts, open, seen: row.version });
  // A run that had not begun has none of these, unless it repeats another one: the look-up is only worth its time for the others.
  const hasBegun = claimed.attempts > 0;
  const steps = hasBegun ? connection.all<StepRow>(sql.stepRows, run_id) : [];
  const checkpoints =
    hasBegun || claimed.rerun_of !== null ? connection.all<CheckpointRow>(sql.checkpointRows, run_id) : [];
  return readClaimed({ row, steps, checkpoints, fence, begun: begun.length > 0 });
}

/** True for a run that nobody had before: what it has may be inherited. */
function neverBegan(connection: SqliteConnection, { tables }: HistorySql, claimed: RunRow): boolean {
  if (claimed.attempts === 0) return true;
  if (claimed.started_by !== null) return false;
  const started = `SELECT 1 FROM ${tables.run_events} WHERE run_id = ? AND type = 'run.started'`;
  return connection.get(started, claimed.run_id) === undefined;
}

/** Records the first attempts of a run that was just claimed; its row as it is then. */
function begin(
  connection: SqliteConnection,
  sql: HistorySql,
  claimed: RunRow,
  begun: readonly StepBegin[],
  at: string,
): RunRow {
  const open = begun.map(({ name, kind, attempt }, index) => ({
    name,
    kind,
    attempt,
    seq: index + 1,
    event: claimed.version + index + 1,
    at,
  }));
  const version = claimed.version + begun.length;
  const open_steps = writeOpenSteps(open);
  connection.run(sql.beginRun, version, begun.length, open_steps, claimed.run_id);
  return { ...claimed, version, attempts: begun.length, open_steps };
}
