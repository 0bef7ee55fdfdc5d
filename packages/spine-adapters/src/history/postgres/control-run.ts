import {
  type CommitResult,
  type ControlCommit,
  isTerminal,
  type JsonValue,
  type RunStatus,
  type SpineError,
} from "spine-core";
import type { Query } from "../../databases/postgres/postgres-pools.ts";
import { isoTime } from "../iso-time.ts";
import { type NewEvent, runChanged } from "../run-events.ts";
import type { StateTables } from "../state-tables.ts";
import { isRunId } from "./run-id.ts";

interface Locked {
  readonly status: RunStatus;
  readonly version: number;
}

interface Scope {
  readonly query: Query;
  readonly tables: StateTables;
  /** A virtual time; null for the database's own. */
  readonly at: string | null;
}

/** Changes a run from outside, inside a transaction: its row is locked first, so that what is read of it stays. */
export async function controlRun(scope: Scope, commit: ControlCommit): Promise<CommitResult> {
  const { runId, from, change, reason } = commit;
  if (!isRunId(runId)) return { result: "missing" };
  const { query, tables: t, at } = scope;
  const [run] = await query<Locked>(
    `SELECT status, version FROM ${t.workflow_runs} WHERE run_id = $1 FOR UPDATE`,
    [runId],
  );
  if (!run) return { result: "missing" };
  if (!from.includes(run.status)) return { result: "conflict", status: run.status };
  if (isTerminal(run.status)) await keepEnd(scope, runId);
  const cancelled = await cancelSteps(scope, runId, run.version, null);
  const version = run.version + cancelled + 1;
  const { status, outputs, error, availableAt } = change;
  const queued = status === "PENDING";
  await query(
    `UPDATE ${t.workflow_runs} SET
  status = $2, version = $3, token = token + 1, worker = CASE WHEN $2 = 'RUNNING' THEN worker END,
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
      availableAt === undefined ? null : isoTime(availableAt),
      at,
      isTerminal(status),
    ],
  );
  const data = { reason, ...(error ? { error_code: error.code } : {}) };
  await tell(scope, runId, version, runChanged(status, data));
  return { result: "committed", version };
}

/** Queues a RUNNING run, whose row is locked, again: its worker stops by itself, so no crash is counted. */
export async function releaseRun(
  scope: Scope,
  { run_id, version: before }: { readonly run_id: string; readonly version: number },
  worker: string,
  stopped: SpineError,
): Promise<void> {
  const cancelled = await cancelSteps(scope, run_id, before, JSON.stringify(stopped));
  const version = before + cancelled + 1;
  await scope.query(
    `UPDATE ${scope.tables.workflow_runs} SET status = 'PENDING', worker = NULL, token = token + 1, version = $2,
  available_at = coalesce($3::timestamptz, now())
WHERE run_id = $1`,
    [run_id, version, scope.at],
  );
  await tell(scope, run_id, version, { type: "run.released", data: { worker } });
}

/** Ends the attempts under way; returns how many, each with an event of its own. */
async function cancelSteps(
  { query, tables: t, at }: Scope,
  runId: string,
  version: number,
  error: string | null,
): Promise<number> {
  const ended = await query(
    `WITH open AS (
  SELECT step_name, attempt, row_number() OVER (ORDER BY seq) AS nth FROM ${t.workflow_step_runs}
  WHERE run_id = $1 AND status IN ('RUNNING', 'WAITING'))
UPDATE ${t.workflow_step_runs} s SET
  status = 'CANCELLED', error = $2, completed_at = coalesce($3::timestamptz, now()), ended_event = $4 + open.nth
FROM open WHERE s.run_id = $1 AND s.step_name = open.step_name AND s.attempt = open.attempt RETURNING 1`,
    [runId, error, at, version],
  );
  return ended.length;
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
