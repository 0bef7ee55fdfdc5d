import {
  type AdvanceCommit,
  type CommitResult,
  isTerminal,
  type RunChange,
  type RunCommit,
  SpineError,
  type StepEnd,
  type StepWait,
  type Transition,
} from "spine-core";
import type { SqliteConnection, SqlValue } from "../../databases/sqlite/sqlite-connection.ts";
import { isUniqueViolation } from "../../databases/sqlite/sqlite-error.ts";
import { isoTime } from "../iso-time.ts";
import { isAttempt, type OpenStep, readOpenSteps, withWaits, writeOpenSteps } from "../open-steps.ts";
import { errorCode, type NewEvent, runChanged, stepWaits } from "../run-events.ts";
import type { RunPosition, RunPositions } from "../run-positions.ts";
import { controlRun } from "./control-run.ts";
import { createChildren, createRun } from "./create-run.ts";
import type { HistorySql } from "./history-sql.ts";
import { type HistoryWrite, insertStep, opened, tell } from "./run-facts.ts";
import { signalRun } from "./signal-run.ts";
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
        return createRun(scope, commit, positions);
      case "advance":
        return advance(scope, commit, positions);
      case "control":
        return controlRun(scope, commit, positions);
      case "signal":
        return signalRun(scope, commit, positions);
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
  const { ended, begun, waiting = NONE, run, metrics, attachments, children, taken } = transition;
  const told = toldBy(ended.length + begun.length, waiting, run);
  const version = from.seen + ended.length + begun.length + told.length + (endsRun(run) ? 1 : 0);
  const { earlier, within } = endsOf(transition, from);
  const starts = opened(begun, from.attempts, from.seen + earlier.length, at);
  const open = openAfter(from, starts, transition);
  const attempts = from.attempts + begun.length;
  const values: SqlValue[] = [version, attempts, writeOpenSteps(open)];
  const { worker, token } = fence;
  positions.forget(runId);
  // The fence is the WHERE of this UPDATE. Nothing else is written unless it finds the run.
  let update = sql.moveRun;
  if (run !== undefined || metrics !== undefined) {
    const change = run ?? UNCHANGED;
    const more = change.endsAs !== undefined || change.inbox !== undefined;
    update = more ? sql.changeRunAndMore : sql.changeRun;
    values.push(
      ...changeValues(change, metrics, at),
      ...(more ? moreValues(change, at) : [dueAt(change, at)]),
    );
  }
  if (connection.run(update, ...values, runId, worker, token, from.seen) === 0) return undefined;
  for (const [index, { began, end }] of earlier.entries()) {
    insertStep(scope, runId, began, end, from.seen + index + 1);
  }
  for (const [index, end] of within.entries()) {
    const began = starts.find(isAttempt(end));
    if (!began) throw notUnderWay(runId, end, "end");
    insertStep(scope, runId, began, end, from.seen + earlier.length + begun.length + index + 1);
  }
  for (const wait of waiting) if (!open.some(isAttempt(wait))) throw notUnderWay(runId, wait, "wait");
  tell(scope, runId, from.seen + ended.length + begun.length, told);
  if (attachments.length > 0) {
    writeAttachments({ connection, tables: sql.tables, runId, version, at }, attachments);
  }
  if (taken && taken.length > 0) connection.run(sql.takeSignals, runId, JSON.stringify(taken));
  if (children) createChildren(scope, children);
  const stays = run === undefined || run.status === "RUNNING";
  if (stays) positions.set(runId, { worker, token, attempts, open, seen: version });
  return { result: "committed", version };
}

const NONE: readonly never[] = [];
const UNCHANGED: RunChange = { status: "RUNNING" };

/** What ends of the attempts that were under way, and of those that the transition itself begins. */
function endsOf(
  { ended }: Transition,
  from: RunPosition,
): {
  readonly earlier: readonly { readonly began: OpenStep; readonly end: StepEnd }[];
  readonly within: readonly StepEnd[];
} {
  const earlier: { readonly began: OpenStep; readonly end: StepEnd }[] = [];
  const within: StepEnd[] = [];
  for (const end of ended) {
    const began = from.open.find(isAttempt(end));
    if (began) earlier.push({ began, end });
    else within.push(end);
  }
  return { earlier, within };
}

/** The attempts under way after a transition. */
function openAfter(
  from: RunPosition,
  starts: readonly OpenStep[],
  { ended, waiting = NONE }: Transition,
): readonly OpenStep[] {
  const open = from.open.concat(starts).filter((step) => !ended.some(isAttempt(step)));
  return withWaits(open, waiting, isoTime);
}

/** The events of a transition that have no other row: of attempts and a run that wait, or of what is attached to it. */
function toldBy(
  attempts: number,
  waiting: readonly StepWait[],
  run: RunChange | undefined,
): readonly NewEvent[] {
  const waits = waiting.length === 0 ? NONE : waiting.map(stepWaits);
  if (run && run.status !== "RUNNING") {
    return isTerminal(run.status) ? waits : [...waits, runChanged(run.status, errorCode(run.error))];
  }
  // Every write has an event, so that whoever follows the events misses nothing.
  return attempts + waits.length === 0 ? [{ type: "run.updated", data: {} }] : waits;
}

/** The end of a run is a column of its row. */
function endsRun(run: RunChange | undefined): boolean {
  return run !== undefined && isTerminal(run.status);
}

/** A run has a worker while it is RUNNING, an end when it has ended. */
function changeValues(run: RunChange, metrics: object | undefined, at: string): readonly SqlValue[] {
  const { status, outputs, error } = run;
  return [
    metrics ? JSON.stringify(metrics) : "{}",
    status,
    outputs ?? null,
    error === undefined ? 0 : 1,
    error ? JSON.stringify(error) : null,
    status === "RUNNING" ? 1 : 0,
    isTerminal(status) ? at : null,
  ];
}

/** What `changeRunAndMore` takes besides; without a number of messages, none is more than seen. */
function moreValues(run: RunChange, at: string): readonly SqlValue[] {
  const { status, endsAs, inbox } = run;
  const seen = status === "WAITING" && inbox !== undefined ? inbox : Number.MAX_SAFE_INTEGER;
  return [endsAs === undefined ? 0 : 1, endsAs ?? null, seen, at, dueAt(run, at)];
}

/** The time for which a run waits, if it does and one is known. */
function dueAt({ status, availableAt }: RunChange, at: string): string | null {
  if (status !== "PENDING" && status !== "WAITING") return null;
  if (availableAt != null) return isoTime(availableAt);
  return status === "PENDING" ? at : null;
}

function notUnderWay(
  runId: string,
  { name, attempt }: { readonly name: string; readonly attempt: number },
  what: "end" | "wait",
): SpineError {
  return new SpineError(
    "HISTORY_CONFLICT",
    `Attempt ${attempt} of step "${name}" cannot ${what}: it is not under way. Nothing was recorded.`,
    { context: { runId, step: name, attempt } },
  );
}
