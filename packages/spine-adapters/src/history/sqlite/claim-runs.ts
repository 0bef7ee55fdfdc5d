import type { ClaimedRun, ClaimRequest } from "spine-core";
import type { SqliteConnection } from "../../databases/sqlite/sqlite-connection.ts";
import { isoTime } from "../iso-time.ts";
import {
  type CheckpointRow,
  type RunRow,
  readCheckpoint,
  readRun,
  readSteps,
  type StepRow,
} from "../run-rows.ts";
import type { HistorySql } from "./history-sql.ts";
import { tell } from "./run-facts.ts";

interface Candidate {
  readonly run_id: string;
  readonly status: string;
  readonly worker: string | null;
}

// The index of what is due is named: the planner would rather read all runs of a workflow that ever were.

/** What a worker may claim now: the runs of workers that are gone first, then those that are due. */
export function claimable(
  connection: SqliteConnection,
  { tables }: HistorySql,
  { workflows, limit }: ClaimRequest,
  gone: readonly string[],
  now: number,
): readonly Candidate[] {
  const known = JSON.stringify(workflows);
  const lost =
    gone.length === 0
      ? []
      : connection.all<Candidate>(
          `SELECT run_id, status, worker FROM ${tables.workflow_runs}
WHERE status = 'RUNNING' AND worker IN (SELECT value FROM json_each(?))
  AND workflow_name IN (SELECT value FROM json_each(?))
ORDER BY run_id LIMIT ?`,
          JSON.stringify(gone),
          known,
          limit,
        );
  if (lost.length === limit) return lost;
  const due = connection.all<Candidate>(
    `SELECT run_id, status, worker FROM ${tables.workflow_runs} INDEXED BY ${tables.prefix}workflow_runs_due
WHERE available_at IS NOT NULL AND available_at <= ? AND workflow_name IN (SELECT value FROM json_each(?))
ORDER BY available_at, run_id LIMIT ?`,
    isoTime(now),
    known,
    limit - lost.length,
  );
  return [...lost, ...due];
}

/** When the next run of these workflows is due; it may be now. */
export function nextDue(
  connection: SqliteConnection,
  { tables }: HistorySql,
  workflows: readonly string[],
): number | null {
  const row = connection.get<{ available_at: string }>(
    `SELECT available_at FROM ${tables.workflow_runs} INDEXED BY ${tables.prefix}workflow_runs_due
WHERE available_at IS NOT NULL AND workflow_name IN (SELECT value FROM json_each(?))
ORDER BY available_at LIMIT 1`,
    JSON.stringify(workflows),
  );
  return row ? Date.parse(row.available_at) : null;
}

/** Gives a run to a worker. Attempts that its last owner left under way stay so: the new one ends them. */
export function claimRun(
  connection: SqliteConnection,
  sql: HistorySql,
  { run_id, status, worker: lastOwner }: Candidate,
  worker: string,
  now: number,
): ClaimedRun {
  const at = isoTime(now);
  const takenOver = status === "RUNNING";
  const row = connection.get<RunRow>(
    `UPDATE ${sql.tables.workflow_runs} SET
  status = 'RUNNING', worker = ?, token = token + 1, version = version + 1, available_at = NULL,
  started_at = coalesce(started_at, ?), crashes = crashes + iif(? AND open_steps IS NOT NULL, 1, 0)
WHERE run_id = ? RETURNING *`,
    worker,
    at,
    takenOver ? 1 : 0,
    run_id,
  );
  if (!row) throw new Error(`Run ${run_id} vanished inside a transaction`);
  const reason = takenOver ? "takeover" : status === "WAITING" ? "waiting" : "queued";
  const first = row.started_at === at && !takenOver && row.attempts === 0;
  const data = { worker, reason, ...(takenOver ? { lost_worker: lastOwner } : {}) };
  tell({ connection, sql, at }, run_id, row.version - 1, [
    { type: first ? "run.started" : "run.resumed", data },
  ]);
  const run = readRun(row);
  const fence = { worker, token: run.token };
  // A run that has not begun has none of these: the look-up is only worth its time for the others.
  if (row.attempts === 0) return { run, steps: [], checkpoints: [], fence };
  const steps = readSteps(row, connection.all<StepRow>(sql.stepRows, run_id));
  const checkpoints = connection.all<CheckpointRow>(sql.checkpointRows, run_id).map(readCheckpoint);
  return { run, steps, checkpoints, fence };
}
