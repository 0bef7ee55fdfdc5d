import {
  type AdvanceCommit,
  type CommitResult,
  type ControlCommit,
  type CreateCommit,
  isTerminal,
  partitionKey,
  type RunChange,
  type RunCommit,
  SpineError,
  type RunStatus,
  type StepBegin,
  type StepEnd,
} from "spine-core";
import type { SqliteConnection, SqlValue } from "../databases/sqlite/sqlite-connection.ts";
import { isUniqueViolation } from "../databases/sqlite/sqlite-error.ts";
import type { HistorySql } from "./history-sql.ts";
import { appendEvents, type NewEvent, runChanged, stepBegan, stepEnded } from "./run-events.ts";
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
  const inserted = connection.run(
    sql.insertRun,
    ...[runId, workflow, domain, partition && partitionKey(partition)],
    ...[partition && JSON.stringify(partition), key, worker === null ? "PENDING" : "RUNNING", events.length],
    ...[worker, fingerprint, params, paramsHash, run.triggeredBy, run.parentRunId, begun.length, at],
    ...[worker === null ? null : at, worker === null ? isoTime(run.availableAt) : null],
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
  const row = connection.get<{ run_id: string; params_hash: string }>(sql.runOfKey, workflow, key);
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

  const change = new ColumnChange(events.length);
  if (begun.length > 0) change.add("attempts = attempts + ?", begun.length);
  if (metrics) change.add("metrics = json_patch(metrics, ?)", JSON.stringify(metrics));
  if (run) change.addRun(run, at);
  // The fence is this WHERE. Everything else of the transition hangs on the row that it returns.
  const row = connection.get<{ version: number; attempts: number }>(
    `UPDATE ${sql.tables.workflow_runs} SET ${change.sql}
WHERE run_id = ? AND worker = ? AND token = ? AND status = 'RUNNING' RETURNING version, attempts`,
    ...change.values,
    ...[runId, fence.worker, fence.token],
  );
  if (!row) return { result: connection.get(sql.runStatus, runId) ? "fenced" : "missing" };
  for (const end of ended) finish(scope, runId, end);
  begin(scope, runId, begun, row.attempts);
  writeAttachments(connection, sql, { runId, version: row.version, at }, attachments);
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

  const columns = new ColumnChange(events.length);
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

/** The SET of an UPDATE of a run's row. */
class ColumnChange {
  readonly values: SqlValue[] = [];
  readonly #parts: string[] = [];

  constructor(events: number) {
    this.add("version = version + ?", events);
  }

  get sql(): string {
    return this.#parts.join(", ");
  }

  add(part: string, ...values: readonly SqlValue[]): void {
    this.#parts.push(part);
    this.values.push(...values);
  }

  /** A run has a worker while it is RUNNING, a time while it waits for one, an end when it has ended. */
  addRun({ status, outputs, error, availableAt }: RunChange, at: string): void {
    this.add("status = ?", status);
    if (outputs !== undefined) this.add("outputs = ?", outputs);
    if (error !== undefined) this.add("error = ?", error && JSON.stringify(error));
    if (status === "RUNNING") return;
    const due = availableAt === undefined ? null : isoTime(availableAt);
    const available = status === "PENDING" ? (due ?? at) : status === "WAITING" ? due : null;
    this.add("worker = NULL, available_at = ?, completed_at = ?", available, isTerminal(status) ? at : null);
  }
}

function begin(
  { connection, sql, at }: Scope,
  runId: string,
  begun: readonly StepBegin[],
  attempts: number,
): void {
  for (const [index, { name, kind, attempt }] of begun.entries()) {
    const seq = attempts - begun.length + 1 + index;
    connection.run(sql.insertStep, runId, seq, name, kind, attempt, at);
  }
}

function finish({ connection, sql, at }: Scope, runId: string, end: StepEnd): void {
  const { name, attempt, status, output, error, rows, metrics, retryAt } = end;
  const changed = connection.run(
    sql.endStep,
    ...[status, output, error && JSON.stringify(error)],
    ...[rows?.in ?? null, rows?.out ?? null, rows?.rejected ?? null],
    ...[JSON.stringify(metrics), at, retryAt === null ? null : isoTime(retryAt)],
    ...[runId, name, attempt],
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

function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}
