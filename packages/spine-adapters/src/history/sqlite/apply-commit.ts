import {
  type AdvanceCommit,
  type CommitResult,
  type ControlCommit,
  type CreateCommit,
  partitionKey,
  type RunChange,
  type RunCommit,
  type RunStatus,
  SpineError,
  type StepBegin,
  type StepEnd,
} from "spine-core";
import type { SqliteConnection } from "../../databases/sqlite/sqlite-connection.ts";
import { isUniqueViolation } from "../../databases/sqlite/sqlite-error.ts";
import { isoTime } from "../iso-time.ts";
import { type NewEvent, runChanged, stepBegan, stepEnded } from "../run-events.ts";
import { tagsText } from "../run-rows.ts";
import { appendEvents } from "./append-events.ts";
import type { HistorySql } from "./history-sql.ts";
import { RunColumns } from "./run-columns.ts";
import { writeAttachments } from "./write-attachments.ts";

/** Applies one commit inside the open transaction. When it throws, what it wrote has to be undone. */
export function applyCommit(
  connection: SqliteConnection,
  sql: HistorySql,
  commit: RunCommit,
  now: number,
): CommitResult {
  const scope: Scope = { connection, sql, at: isoTime(now) };
  try {
    switch (commit.kind) {
      case "create":
        return create(scope, commit);
      case "advance":
        return advance(scope, commit);
      case "control":
        return control(scope, commit);
    }
  } catch (error) {
    if (!isUniqueViolation(error)) throw error;
    throw new SpineError("HISTORY_CONFLICT", `What is to be recorded exists already: ${String(error)}.`, {
      cause: error,
    });
  }
}

interface Scope {
  readonly connection: SqliteConnection;
  readonly sql: HistorySql;
  /** The time of the commit. */
  readonly at: string;
}

function create({ connection, sql, at }: Scope, { run, begun }: CreateCommit): CommitResult {
  const events: NewEvent[] = [{ type: "run.created", data: { triggered_by: run.triggeredBy } }];
  if (run.worker !== null) events.push({ type: "run.started", data: { worker: run.worker } });
  events.push(...begun.map(stepBegan));
  const { runId, workflow, domain, partition, key, worker, fingerprint, params, paramsHash } = run;
  const inserted = connection.insert(
    sql.tables.workflow_runs,
    {
      run_id: runId,
      workflow_name: workflow,
      domain,
      partition_key: partition && partitionKey(partition),
      partition: partition && JSON.stringify(partition),
      tags: tagsText(run.tags),
      run_key: key,
      status: worker === null ? "PENDING" : "RUNNING",
      version: events.length,
      token: 1,
      worker,
      fingerprint,
      params,
      params_hash: paramsHash,
      triggered_by: run.triggeredBy,
      parent_run_id: run.parentRunId,
      attempts: begun.length,
      created_at: at,
      started_at: worker === null ? null : at,
      available_at: worker === null ? isoTime(run.availableAt) : null,
    },
    "ON CONFLICT (workflow_name, run_key) WHERE run_key IS NOT NULL DO NOTHING",
  );
  if (inserted === 0) return existing(connection, sql, workflow, key);
  begin({ connection, sql, at }, runId, begun, begun.length);
  appendEvents(connection, sql, runId, events.length, at, events);
  return { result: "committed", version: events.length };
}

function existing(
  connection: SqliteConnection,
  sql: HistorySql,
  workflow: string,
  key: string | null,
): CommitResult {
  const row = connection.get<{ run_id: string; params_hash: string }>(
    `SELECT run_id, params_hash FROM ${sql.tables.workflow_runs} WHERE workflow_name = ? AND run_key = ?`,
    workflow,
    key,
  );
  if (!row) throw new SpineError("HISTORY_CONFLICT", `A run of "${workflow}" was neither stored nor found.`);
  return { result: "duplicate", runId: row.run_id, paramsHash: row.params_hash };
}

function advance(scope: Scope, { runId, fence, transition }: AdvanceCommit): CommitResult {
  const { connection, sql, at } = scope;
  const { ended, begun, run, metrics, attachments } = transition;
  const events = [...ended.map(stepEnded), ...begun.map(stepBegan)];
  if (run && run.status !== "RUNNING") events.push(runChanged(run.status, errorCode(run)));
  // Every write has an event, so that whoever follows the events misses nothing.
  if (events.length === 0) events.push({ type: "run.updated", data: {} });

  const change = new RunColumns(events.length);
  if (begun.length > 0) change.add("attempts = attempts + ?", begun.length);
  if (metrics) change.add("metrics = json_patch(metrics, ?)", JSON.stringify(metrics));
  if (run) change.addRun(run, at);
  // The fence is this WHERE. Everything else of the transition hangs on the row that it returns.
  const row = connection.get<{ version: number; attempts: number }>(
    `UPDATE ${sql.tables.workflow_runs} SET ${change.sql}
WHERE run_id = ? AND worker = ? AND token = ? AND status = 'RUNNING' RETURNING version, attempts`,
    ...change.values,
    runId,
    fence.worker,
    fence.token,
  );
  if (!row) return { result: connection.get(sql.runStatus, runId) ? "fenced" : "missing" };
  for (const end of ended) finish(scope, runId, end);
  begin(scope, runId, begun, row.attempts);
  writeAttachments({ connection, tables: sql.tables, runId, version: row.version, at }, attachments);
  appendEvents(connection, sql, runId, row.version, at, events);
  return { result: "committed", version: row.version };
}

function control(scope: Scope, { runId, from, change, reason }: ControlCommit): CommitResult {
  const { connection, sql, at } = scope;
  const run = connection.get<{ status: RunStatus }>(sql.runStatus, runId);
  if (!run) return { result: "missing" };
  if (!from.includes(run.status)) return { result: "conflict", status: run.status };
  const cancelled = connection
    .all<{ step_name: string; attempt: number }>(sql.openSteps, runId)
    .map(({ step_name, attempt }) => ({ type: "step.cancelled", data: { step: step_name, attempt } }));
  const events = [...cancelled, runChanged(change.status, { reason, ...errorCode(change) })];

  const columns = new RunColumns(events.length);
  columns.add("token = token + 1");
  // Queued again: what it ended with the last time is not its result any more.
  if (change.status === "PENDING") columns.add("outputs = NULL");
  columns.addRun(change.status === "PENDING" ? { error: null, ...change } : change, at);
  const row = connection.get<{ version: number }>(
    `UPDATE ${sql.tables.workflow_runs} SET ${columns.sql} WHERE run_id = ? RETURNING version`,
    ...columns.values,
    runId,
  );
  if (cancelled.length > 0) connection.run(sql.cancelSteps, null, at, runId);
  const version = row?.version ?? 0;
  appendEvents(connection, sql, runId, version, at, events);
  return { result: "committed", version };
}

function begin(
  { connection, sql, at }: Scope,
  runId: string,
  begun: readonly StepBegin[],
  attempts: number,
): void {
  for (const [index, { name, kind, attempt }] of begun.entries()) {
    const seq = attempts - begun.length + 1 + index;
    connection.insert(sql.tables.workflow_step_runs, {
      run_id: runId,
      seq,
      step_name: name,
      step_type: kind,
      attempt,
      status: "RUNNING",
      started_at: at,
    });
  }
}

function finish({ connection, sql, at }: Scope, runId: string, end: StepEnd): void {
  const { name, attempt, status, output, error, rows, metrics, retryAt } = end;
  const changed = connection.run(
    `UPDATE ${sql.tables.workflow_step_runs} SET
  status = ?, output = ?, error = ?, rows_in = ?, rows_out = ?, rows_rejected = ?,
  metrics = ?, completed_at = ?, retry_at = ?
WHERE run_id = ? AND step_name = ? AND attempt = ? AND status IN ('RUNNING', 'WAITING')`,
    status,
    output,
    error && JSON.stringify(error),
    rows?.in ?? null,
    rows?.out ?? null,
    rows?.rejected ?? null,
    JSON.stringify(metrics),
    at,
    retryAt === null ? null : isoTime(retryAt),
    runId,
    name,
    attempt,
  );
  if (changed === 1) return;
  throw new SpineError(
    "HISTORY_CONFLICT",
    `Attempt ${attempt} of step "${name}" cannot end: it is not under way. Nothing was recorded.`,
    { context: { runId, step: name, attempt } },
  );
}

function errorCode({ error }: RunChange): { readonly error_code?: string } {
  return error ? { error_code: error.code } : {};
}
