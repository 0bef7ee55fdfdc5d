import {
  type AdvanceCommit,
  type CommitResult,
  type CreateCommit,
  isTerminal,
  partitionKey,
  type RunChange,
  type RunCommit,
  type RunStatus,
  SpineError,
  type StepBegin,
} from "spine-core";
import type { SqliteConnection, SqlValue } from "../../databases/sqlite/sqlite-connection.ts";
import { isUniqueViolation } from "../../databases/sqlite/sqlite-error.ts";
import { isoTime } from "../iso-time.ts";
import { isAttempt, type OpenStep, readOpenSteps, writeOpenSteps } from "../open-steps.ts";
import { errorCode, type NewEvent, runChanged } from "../run-events.ts";
import { controlRun } from "./control-run.ts";
import type { HistorySql } from "./history-sql.ts";
import { type HistoryWrite, insertStep, tell } from "./run-facts.ts";
import { writeAttachments } from "./write-attachments.ts";

/** Applies one commit inside the open transaction. When it throws, what it wrote has to be undone. */
export function applyCommit(
  connection: SqliteConnection,
  sql: HistorySql,
  commit: RunCommit,
  now: number,
): CommitResult {
  const scope: HistoryWrite = { connection, sql, at: isoTime(now) };
  try {
    switch (commit.kind) {
      case "create":
        return create(scope, commit);
      case "advance":
        return advance(scope, commit);
      case "control":
        return controlRun(scope, commit);
    }
  } catch (error) {
    if (!isUniqueViolation(error)) throw error;
    throw new SpineError("HISTORY_CONFLICT", `What is to be recorded exists already: ${String(error)}.`, {
      cause: error,
    });
  }
}

/** What a transition starts from. */
interface RunPosition {
  readonly status: RunStatus;
  readonly version: number;
  readonly attempts: number;
  readonly open_steps: string | null;
}

function create({ connection, sql, at }: HistoryWrite, { run, begun }: CreateCommit): CommitResult {
  const { runId, workflow, partition, worker } = run;
  // Its creation, and its start.
  const before = worker === null ? 1 : 2;
  const version = before + begun.length;
  const inserted = connection.run(
    sql.insertRun,
    runId,
    workflow,
    run.domain,
    partition && partitionKey(partition),
    partition && JSON.stringify(partition),
    run.key,
    worker === null ? "PENDING" : "RUNNING",
    version,
    worker,
    run.fingerprint,
    run.params,
    run.paramsHash,
    run.triggeredBy,
    run.parentRunId,
    begun.length,
    writeOpenSteps(open(begun, 0, before, at)),
    at,
    worker === null ? null : at,
    worker === null ? isoTime(run.availableAt) : null,
  );
  return inserted === 1 ? { result: "committed", version } : existing(connection, sql, workflow, run.key);
}

/** Attempts that begin now, behind so many attempts and events of their run. */
function open(begun: readonly StepBegin[], attempts: number, events: number, at: string): OpenStep[] {
  return begun.map(({ name, kind, attempt }, index) => ({
    name,
    kind,
    attempt,
    seq: attempts + index + 1,
    event: events + index + 1,
    at,
  }));
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

function advance(scope: HistoryWrite, { runId, fence, transition }: AdvanceCommit): CommitResult {
  const { connection, sql, at } = scope;
  const { ended, begun, run, metrics, attachments } = transition;
  const position = connection.get<RunPosition>(sql.runPosition, runId);
  if (!position) return { result: "missing" };
  const told = toldBy(ended.length + begun.length, run);
  const version = position.version + ended.length + begun.length + told.length + (endsRun(run) ? 1 : 0);
  const before = readOpenSteps(position.open_steps);
  const left = before.filter((step) => !ended.some(isAttempt(step)));
  const after = left.concat(open(begun, position.attempts, position.version + ended.length, at));
  const values: SqlValue[] = [version, position.attempts + begun.length, writeOpenSteps(after)];
  const changes = run !== undefined || metrics !== undefined;
  if (changes) values.push(...changeValues(run ?? { status: "RUNNING" }, metrics, at));
  // The fence is the WHERE of this UPDATE. Nothing else is written unless it finds the run.
  const { worker, token } = fence;
  if (connection.run(changes ? sql.changeRun : sql.moveRun, ...values, runId, worker, token) === 0) {
    return { result: "fenced" };
  }
  for (const [index, end] of ended.entries()) {
    const began = before.find(isAttempt(end));
    if (!began) throw notUnderWay(runId, end);
    insertStep(scope, runId, began, end, position.version + index + 1);
  }
  tell(scope, runId, position.version + ended.length + begun.length, told);
  if (attachments.length > 0) {
    writeAttachments({ connection, tables: sql.tables, runId, version, at }, attachments);
  }
  return { result: "committed", version };
}

/** The events of a transition that have no other row: a run that waits, or goes on with something attached. */
function toldBy(attempts: number, run: RunChange | undefined): readonly NewEvent[] {
  if (run && run.status !== "RUNNING") {
    return isTerminal(run.status) ? [] : [runChanged(run.status, errorCode(run.error))];
  }
  // Every write has an event, so that whoever follows the events misses nothing.
  return attempts === 0 ? [{ type: "run.updated", data: {} }] : [];
}

/** The end of a run is a column of its row. */
function endsRun(run: RunChange | undefined): boolean {
  return run !== undefined && isTerminal(run.status);
}

/** A run has a worker while it is RUNNING, a time while it waits for one, an end when it has ended. */
function changeValues(run: RunChange, metrics: object | undefined, at: string): readonly SqlValue[] {
  const { status, outputs, error, availableAt } = run;
  const due = availableAt === undefined ? null : isoTime(availableAt);
  return [
    metrics ? JSON.stringify(metrics) : "{}",
    status,
    outputs ?? null,
    error === undefined ? 0 : 1,
    error ? JSON.stringify(error) : null,
    status === "RUNNING" ? 1 : 0,
    status === "PENDING" ? (due ?? at) : status === "WAITING" ? due : null,
    isTerminal(status) ? at : null,
  ];
}

function notUnderWay(runId: string, { name, attempt }: { name: string; attempt: number }): SpineError {
  return new SpineError(
    "HISTORY_CONFLICT",
    `Attempt ${attempt} of step "${name}" cannot end: it is not under way. Nothing was recorded.`,
    { context: { runId, step: name, attempt } },
  );
}
