import {
  type CommitResult,
  type ControlCommit,
  isTerminal,
  type JsonValue,
  type RunStatus,
  type SpineError,
} from "spine-core";
import type { Query } from "../../databases/postgres/postgres-pools.ts";
import { errorCode, type NewEvent, runChanged } from "../run-events.ts";
import { openStepsOf, type RunRow } from "../run-rows.ts";
import type { StateTables } from "../state-tables.ts";
import type { DatabaseTime } from "./database-time.ts";
import { isRunId } from "./run-id.ts";

/** What is read of a run whose row is locked, to change it from outside. */
export type Locked = Pick<RunRow, "run_id" | "version" | "open_steps" | "open_version" | "open_since"> & {
  readonly status: RunStatus;
};

export const LOCKED_COLUMNS = "run_id, status, version, open_steps, open_version, open_since";

interface Scope {
  readonly query: Query;
  readonly tables: StateTables;
  /** A virtual time; null for the database's own. */
  readonly at: string | null;
}

/** Changes a run from outside, inside a transaction: its row is locked first, so that what is read of it stays. */
export async function controlRun(
  scope: Scope & { readonly time: DatabaseTime },
  commit: ControlCommit,
): Promise<CommitResult> {
  const { runId, from, change, reason } = commit;
  if (!isRunId(runId)) return { result: "missing" };
  const { query, tables: t, at, time } = scope;
  const [run] = await query<Locked>(
    `SELECT ${LOCKED_COLUMNS} FROM ${t.workflow_runs} WHERE run_id = $1 FOR UPDATE`,
    [runId],
  );
  if (!run) return { result: "missing" };
  if (!from.includes(run.status)) return { result: "conflict", status: run.status };
  if (isTerminal(run.status)) await keepEnd(scope, runId);
  const cancelled = await cancelSteps(scope, run, null);
  const version = run.version + cancelled + 1;
  const { status, outputs, error, availableAt } = change;
  const queued = status === "PENDING";
  await query(
    `UPDATE ${t.workflow_runs} SET
  status = $2, version = $3, token = token + 1, open_steps = NULL, worker = CASE WHEN $2 = 'RUNNING' THEN worker END,
  outputs = CASE WHEN $4 THEN NULL ELSE coalesce($5::json, outputs) END,
  error = CASE WHEN $6 THEN $7::json ELSE error END,
  available_at = CASE WHEN $2 = 'PENDING' THEN coalesce($8::timestamptz, $9::timestamptz, now())
    WHEN $2 = 'WAITING' THEN $8::timestamptz END,
  completed_at = CASE WHEN $10 THEN coalesce($9::timestamptz, now()) END
WHERE run_id = $1`,
    [
      runId,
      status,
      version,
      // Queued again: what it ended with the last time is not its result any more.
      queued && outputs === undefined,
      outputs ?? null,
      queued || error !== undefined,
      error ? JSON.stringify(error) : null,
      availableAt === undefined ? null : time.toDatabase(availableAt),
      at,
      isTerminal(status),
    ],
  );
  await tell(scope, runId, version, runChanged(status, { reason, ...errorCode(error) }));
  return { result: "committed", version };
}

/** Queues a RUNNING run, whose row is locked, again: its worker stops by itself, so no crash is counted. */
export async function releaseRun(
  scope: Scope,
  run: Locked,
  worker: string,
  stopped: SpineError,
): Promise<void> {
  const cancelled = await cancelSteps(scope, run, JSON.stringify(stopped));
  const version = run.version + cancelled + 1;
  await scope.query(
    `UPDATE ${scope.tables.workflow_runs} SET status = 'PENDING', worker = NULL, token = token + 1, version = $2,
  open_steps = NULL, available_at = coalesce($3::timestamptz, now())
WHERE run_id = $1`,
    [run.run_id, version, scope.at],
  );
  await tell(scope, run.run_id, version, { type: "run.released", data: { worker } });
}

/** Ends the attempts under way; returns how many, each with an event of its own. */
async function cancelSteps(
  { query, tables: t, at }: Scope,
  run: Locked,
  error: string | null,
): Promise<number> {
  const open = openStepsOf(run);
  for (const [index, { seq, name, kind, attempt, event, at: began }] of open.entries()) {
    await query(
      `INSERT INTO ${t.workflow_step_runs} (run_id, seq, attempt, begun_event, ended_event, started_at, completed_at,
  step_name, step_type, status, error)
VALUES ($1, $2, $3, $4, $5, $6, coalesce($7::timestamptz, now()), $8, $9, 'CANCELLED', $10)`,
      [run.run_id, seq, attempt, event, run.version + index + 1, began, at, name, kind, error],
    );
  }
  return open.length;
}

/** The end of a run is told by its row; before that changes, it becomes a row of its own. */
async function keepEnd({ query, tables: t }: Scope, runId: string): Promise<void> {
  await query(
    `INSERT INTO ${t.run_events} (run_id, seq, type, at, data)
SELECT run_id, version, 'run.' || lower(status), completed_at, json_strip_nulls(json_build_object('error_code', error->>'code'))
FROM ${t.workflow_runs} WHERE run_id = $1 ON CONFLICT DO NOTHING`,
    [runId],
  );
}

async function tell(
  { query, tables: t, at }: Scope,
  runId: string,
  seq: number,
  { type, data }: NewEvent,
): Promise<void> {
  const values: readonly (JsonValue | null)[] = [runId, seq, type, at, JSON.stringify(data)];
  await query(
    `INSERT INTO ${t.run_events} (run_id, seq, type, at, data)
VALUES ($1, $2, $3, coalesce($4::timestamptz, now()), $5)`,
    values,
  );
}
