import {
  type AdvanceCommit,
  type CommitResult,
  type CreateCommit,
  isTerminal,
  type NewRun,
  partitionKey,
  type RunChange,
  type RunCommit,
  SpineError,
  type StepBegin,
} from "spine-core";
import type { SqliteConnection, SqlValue } from "../../databases/sqlite/sqlite-connection.ts";
import { isUniqueViolation } from "../../databases/sqlite/sqlite-error.ts";
import { isoTime } from "../iso-time.ts";
import { isAttempt, type OpenStep, readOpenSteps, writeOpenSteps } from "../open-steps.ts";
import { errorCode, type NewEvent, runChanged } from "../run-events.ts";
import type { RunPosition, RunPositions } from "../run-positions.ts";
import { queueCells } from "../run-rank.ts";
import { tagsText } from "../run-rows.ts";
import { controlRun } from "./control-run.ts";
import type { HistorySql } from "./history-sql.ts";
import { type HistoryWrite, insertStep, tell } from "./run-facts.ts";
import { writeAttachments } from "./write-attachments.ts";

/**
 * Applies one commit inside the open transaction. When it throws, what it wrote has to be undone.
 *
 * @param positions what is known of runs: used, and brought up to date as if the transaction were committed already.
 */
export function applyCommit(
  connection: SqliteConnection,
  sql: HistorySql,
  commit: RunCommit,
  now: number,
  positions: RunPositions,
): CommitResult {
  const scope: HistoryWrite = { connection, sql, at: isoTime(now) };
  try {
    switch (commit.kind) {
      case "create":
        return create(scope, commit, positions);
      case "advance":
        return advance(scope, commit, positions);
      case "control":
        positions.forget(commit.runId);
        return controlRun(scope, commit);
    }
  } catch (error) {
    if (!isUniqueViolation(error)) throw error;
    throw new SpineError("HISTORY_CONFLICT", `What is to be recorded exists already: ${String(error)}.`, {
      cause: error,
    });
  }
}

/** What is read of a run that a transition starts from, when it is not known. */
interface PositionRow {
  readonly version: number;
  readonly attempts: number;
  readonly open_steps: string | null;
}

function create(
  { connection, sql, at }: HistoryWrite,
  commit: CreateCommit,
  positions: RunPositions,
): CommitResult {
  const { run, begun } = commit;
  const { runId, worker } = run;
  const { version, open, values } = newRunRow(commit, at);
  if (connection.run(insertFor(sql, values), ...values) === 0) return existing(connection, sql, run);
  if (worker !== null)
    positions.set(runId, { worker, token: 1, attempts: begun.length, open, seen: version });
  return { result: "committed", version };
}

/** The statement that stores such a row. */
export function insertFor(sql: HistorySql, values: readonly SqlValue[]): string {
  return values.length > PLAIN_CELLS ? sql.insertQueuedRun : sql.insertRun;
}

/** How many cells the row of a run without a queue or a priority has. */
const PLAIN_CELLS = 21;

/** What is stored of a run that is created. */
export function newRunRow(
  { run, begun }: CreateCommit,
  at: string,
): { readonly version: number; readonly open: readonly OpenStep[]; readonly values: readonly SqlValue[] } {
  const { runId, workflow, partition, worker } = run;
  // Its creation, and its start.
  const before = worker === null ? 1 : 2;
  const version = before + begun.length;
  const open = opened(begun, 0, before, at);
  const values = [
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
    writeOpenSteps(open),
    at,
    worker === null ? null : at,
    worker !== null ? null : run.availableAt === null ? at : isoTime(run.availableAt),
    tagsText(run.tags),
    run.scope ?? "",
    ...queueCells(run),
  ];
  return { version, open, values };
}

/** Attempts that begin now, behind so many attempts and events of their run. */
function opened(begun: readonly StepBegin[], attempts: number, events: number, at: string): OpenStep[] {
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
  { workflow, scope = "", key }: NewRun,
): CommitResult {
  const row = connection.get<{ run_id: string; params_hash: string }>(sql.runByKey, workflow, scope, key);
  if (!row) throw new SpineError("HISTORY_CONFLICT", `A run of "${workflow}" was neither stored nor found.`);
  return { result: "duplicate", runId: row.run_id, paramsHash: row.params_hash };
}

function advance(scope: HistoryWrite, commit: AdvanceCommit, positions: RunPositions): CommitResult {
  const known = positions.of(commit);
  const moved = typeof known === "object" && move(scope, commit, known, positions);
  if (moved) return moved;
  const { runId, fence } = commit;
  const row = scope.connection.get<PositionRow>(scope.sql.runPosition, runId);
  if (!row) return { result: "missing" };
  const { attempts, version } = row;
  const start = { ...fence, attempts, open: readOpenSteps(row.open_steps), seen: version };
  return move(scope, commit, start, positions) ?? { result: "fenced" };
}

/** Moves a run on from where it is known to be; undefined when it is not there, or not in its owner's hands. */
function move(
  scope: HistoryWrite,
  { runId, fence, transition }: AdvanceCommit,
  from: RunPosition,
  positions: RunPositions,
): CommitResult | undefined {
  const { connection, sql, at } = scope;
  const { ended, begun, run, metrics, attachments } = transition;
  const told = toldBy(ended.length + begun.length, run);
  const version = from.seen + ended.length + begun.length + told.length + (endsRun(run) ? 1 : 0);
  const left = from.open.filter((step) => !ended.some(isAttempt(step)));
  const open = left.concat(opened(begun, from.attempts, from.seen + ended.length, at));
  const attempts = from.attempts + begun.length;
  const values: SqlValue[] = [version, attempts, writeOpenSteps(open)];
  const changes = run !== undefined || metrics !== undefined;
  if (changes) values.push(...changeValues(run ?? { status: "RUNNING" }, metrics, at));
  const { worker, token } = fence;
  positions.forget(runId);
  // The fence is the WHERE of this UPDATE. Nothing else is written unless it finds the run.
  const update = changes ? sql.changeRun : sql.moveRun;
  if (connection.run(update, ...values, runId, worker, token, from.seen) === 0) return undefined;
  for (const [index, end] of ended.entries()) {
    const began = from.open.find(isAttempt(end));
    if (!began) throw notUnderWay(runId, end);
    insertStep(scope, runId, began, end, from.seen + index + 1);
  }
  tell(scope, runId, from.seen + ended.length + begun.length, told);
  if (attachments.length > 0) {
    writeAttachments({ connection, tables: sql.tables, runId, version, at }, attachments);
  }
  const stays = run === undefined || run.status === "RUNNING";
  if (stays) positions.set(runId, { worker, token, attempts, open, seen: version });
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
