import { countsAsFailure, SpineError } from "../errors.ts";
import type { CursorAttachment } from "../history/attachment.ts";
import type { Inbox, RunChange } from "../history/history-store.ts";
import { isTerminal } from "../history/records.ts";
import { skipOutput } from "../history/skip-output.ts";
import { decodeJson, deepFreeze } from "../json.ts";
import { retryDelay } from "../workflow/retry.ts";
import { everyStep, isUndo, stepAt, undoneBy } from "../workflow/step-paths.ts";
import type { WorkflowData } from "../workflow/workflow.ts";
import {
  begin,
  cancelInside,
  completeWait,
  done,
  dropEarlierChild,
  end,
  fail,
  failed,
  goOnIn,
  locate,
  planned,
} from "./begin-step.ts";
import { cursorCheckpoint } from "./cursor-marks.ts";
import { Draft } from "./draft.ts";
import type { Ended, StepResult } from "./durable.ts";
import { heldMarks } from "./held-marks.ts";
import { readMessages } from "./read-messages.ts";
import { endInterrupted, resume } from "./resume.ts";
import type { Advance, RunState, Waiting } from "./run-state.ts";
import { childOverdue, endOverdue } from "./step-timeout.ts";
import { undoNext, undone, undosOf } from "./undo.ts";

/** What happened to a run. Time passes as well: what is due at `now` is. */
export interface Happened {
  readonly ended: readonly Ended[];
  /** What has come for it, if somebody looked. */
  readonly inbox?: Inbox | null;
  /** True when it has waited in memory for long enough: it is to be let go of until something happens. */
  readonly idle?: boolean;
  /** Why it cannot go on. */
  readonly failure?: SpineError | null;
}

/**
 * The heart of the engine: what follows from what happened. Pure, so that it can be tested against a model, driven by any
 * engine, and called again when a commit is refused.
 *
 * @param random a number in [0, 1), for the jitter of retries.
 */
export function advance(
  workflow: WorkflowData,
  before: RunState,
  { ended, inbox = null, idle = false, failure = null }: Happened,
  now: number,
  random: number,
): Advance {
  const draft = new Draft(workflow, before, now, random);
  draft.failure = failure;
  if (before.resumes) endInterrupted(draft);
  // What has succeeded counts although something that settled with it ends the run.
  for (const each of ended) if (!isFailure(each)) attemptEnded(draft, each);
  for (const each of ended) if (isFailure(each)) attemptEnded(draft, each);
  if (inbox) readMessages(draft, inbox);
  timePassed(draft, inbox !== null);
  if (before.resumes) draft.todo.push(() => resume(draft));
  draft.todo.push(() => goOnIn(draft, null, workflow.steps));
  goOn(draft);
  while (endOverdue(draft, inbox !== null, () => goOn(draft)));
  return finish(draft, idle);
}

/** Does what is still to be done. */
function goOn(draft: Draft): void {
  for (let next = draft.todo.shift(); next; next = draft.todo.shift()) {
    if (!draft.ending && !draft.failure) next();
  }
}

/**
 * What the write that makes a run, or claims one that has never begun, begins it with; null where more follows than the beginning of
 * attempts (a step that ends at once, a deadline that is over): whoever has the run then records it as a write of its own.
 */
export function firstAdvance(workflow: WorkflowData, state: RunState, now: number): Advance | null {
  const first = advance(workflow, state, { ended: [] }, now, 0);
  const { ended, run, begun } = first.transition;
  return ended.length > 0 || run || begun.length === 0 ? null : first;
}

function isFailure(end: Ended): boolean {
  return "failure" in end || end.result.error !== null;
}

function attemptEnded(draft: Draft, ended: Ended): void {
  const { step: path, attempt } = ended;
  const error = "failure" in ended ? ended.failure : ended.result.error;
  const result = "result" in ended ? ended.result : null;
  const undo = isUndo(path);
  const step = undo ? undefined : draft.at(path);
  // It was cancelled with the step around it, and settled all the same.
  if (draft.step(path).attempt !== attempt || !draft.isStill("running", path)) return;
  draft.running.set(path, null);
  if (result) draft.attachments.push(...result.attachments);
  if (error) {
    attemptFailed(draft, path, error, result);
    return;
  }
  if (!result) return;
  draft.metrics = { ...draft.metrics, ...result.metrics };
  if (step && (result.plan || result.skipped)) {
    if (result.plan) {
      planned(draft, path, step, result);
      return;
    }
    if (result.ends !== undefined) {
      endWithout(draft, path, result.ends);
      return;
    }
    end(draft, path, { status: "SKIPPED" });
    draft.set(path, { status: "SKIPPED" });
    done(draft, path, undefined);
    return;
  }
  const { output, rows, metrics } = result;
  end(draft, path, { status: "COMPLETED", output, rows, metrics });
  draft.set(path, { status: "COMPLETED" });
  if (result.cursors) {
    draft.cursors.set(path, result.cursors);
    draft.attachments.push(cursorCheckpoint(path, attempt, result.cursors));
  }
  if (undo) undone(draft, path);
  else done(draft, path, deepFreeze(decodeJson(output)));
}

/** A step of the workflow's own list ends the run: those behind it do not run, and it is completed. */
function endWithout(draft: Draft, path: string, reason: string): void {
  end(draft, path, { status: "SKIPPED", output: skipOutput(reason) });
  draft.set(path, { status: "SKIPPED" });
  const { steps } = draft.workflow;
  const position = steps.findIndex(({ name }) => name === path) + 1;
  for (const { name, kind } of steps.slice(position)) {
    const attempt = draft.step(name).attempt + 1;
    draft.skipped.push({ name, kind, attempt, reason });
    draft.set(name, { attempt, status: "SKIPPED", retryAt: null });
  }
  draft.position = steps.length;
}

function attemptFailed(draft: Draft, path: string, error: SpineError, result: StepResult | null): void {
  const at = draft.step(path);
  const located = locate(draft, path, error);
  const lost = error.code === "WORKER_LOST";
  const failures = at.failures + (countsAsFailure(error.code) ? 1 : 0);
  const policy = (isUndo(path) ? draft.at(undoneBy(path)) : draft.at(path))?.retry;
  const delay = lost ? 0 : retryDelay(policy ?? null, error, failures, draft.random);
  const retryAt = delay === null ? null : draft.now + delay;
  end(draft, path, {
    status: "FAILED",
    output: result?.output ?? null,
    error: located.toJSON(),
    rows: result?.rows ?? null,
    metrics: result?.metrics ?? {},
    retryAt: lost ? null : retryAt,
  });
  draft.set(path, { status: "FAILED", failures, retryAt, ...(lost ? {} : { endsBy: undefined }) });
  if (retryAt !== null) draft.retries.set(path, retryAt);
  else if (isUndo(path)) undone(draft, path, located);
  else {
    dropEarlierChild(draft, path);
    failed(draft, path, located);
  }
}

/**
 * What the time has come for: attempts to be repeated, waits that are over, the end of the run itself.
 *
 * @param read true when what has come for the run was read: what came in time counts, however late it is read.
 */
function timePassed(draft: Draft, read: boolean): void {
  const { deadline } = draft.before;
  if (deadline !== null && deadline <= draft.now && !draft.ending) draft.failure ??= deadlineOver(deadline);
  for (const path of draft.due("retries", (at: number) => at)) {
    if (!draft.isStill("retries", path)) continue;
    draft.retries.set(path, null);
    if (isUndo(path)) {
      undoNext(draft, path);
      continue;
    }
    const step = draft.at(path);
    if (step && !draft.ending) begin(draft, path, step);
  }
  if (draft.ending) return;
  for (const path of draft.due("waiting", ({ until }: Waiting) => until)) {
    if (!draft.isStill("waiting", path)) continue;
    const step = draft.at(path);
    const isTimeout = step?.kind === "pipeline" || (step?.kind === "wait" && step.isTimeout);
    if (!isTimeout) completeWait(draft, path, null);
    else if (!read) draft.overdue = draft.unread = true;
    else if (step.kind === "pipeline") childOverdue(draft, path);
    else fail(draft, path, waitOver(path));
  }
}

function finish(draft: Draft, idle: boolean): Advance {
  const run = runChange(draft, idle);
  if (run?.status === "COMPLETED") draft.attachments.push(...cursorsOf(draft));
  const {
    begun,
    skipped,
    cursors,
    waits,
    children,
    taken,
    metrics,
    attachments,
    ending,
    inbox,
    unread,
    position,
    steps,
  } = draft;
  return {
    status: run?.status ?? "RUNNING",
    steps,
    outputs: draft.outputs,
    locals: draft.locals,
    position,
    begun: draft.begins + skipped.length,
    running: draft.running,
    entered: draft.entered,
    limits: draft.limits,
    waiting: draft.waiting,
    retries: draft.retries,
    inbox,
    unread,
    ending,
    cursors,
    stopped: draft.stopped,
    cancelled: draft.cancelled,
    transition: {
      ended: draft.ended,
      begun,
      ...(skipped.length > 0 ? { skipped } : {}),
      ...(waits.length > 0 ? { waiting: waits } : {}),
      ...(children.length > 0 ? { children } : {}),
      ...(taken.length > 0 ? { taken } : {}),
      ...(run ? { run } : {}),
      ...(Object.keys(metrics).length > 0 ? { metrics } : {}),
      attachments,
    },
  };
}

/** Only a run that is completed moves cursors, and of these only those behind which nothing is left to be loaded. */
function cursorsOf(draft: Draft): readonly CursorAttachment[] {
  const all = new Map([...draft.before.cursors, ...draft.cursors]);
  const held = heldMarks(draft, [...all.keys()]);
  return [...all].flatMap(([fetch, cursors]) => (held.has(fetch) ? [] : cursors));
}

function runChange(draft: Draft, idle: boolean): RunChange | null {
  const { failure, workflow, before } = draft;
  let begins: Partial<RunChange> = {};
  if (failure && !draft.ending) {
    cancelInside(draft, null);
    const error = failure.toJSON();
    const left = undosOf(draft);
    if (left.length === 0) return { status: "FAILED", error };
    draft.ending = { as: "FAILED", error, left };
    begins = { error, endsAs: "FAILED" };
  }
  if (draft.ending) {
    if (draft.isEmpty("running") && draft.isEmpty("retries")) undoNext(draft);
    const { as, error, left } = draft.ending;
    if (left.length === 0) return { status: as, error, endsAs: null };
  } else if (draft.position >= workflow.steps.length) return { status: "COMPLETED" };
  const goesOn: RunChange | null = Object.keys(begins).length > 0 ? { status: "RUNNING", ...begins } : null;
  if (!draft.isEmpty("running")) return goesOn;
  // What had come before is looked at first, for what is seen already may be for a step that begins to wait now. What comes
  // while this is recorded makes the run claimable at once.
  if (draft.unread && (before.unread || draft.inbox > 0 || draft.overdue)) return goesOn;
  const waiting = draft.all<Waiting>("waiting").map(([, one]) => one);
  // Nothing of it is at work here. Children are probably not at work for long: they are waited for in memory first.
  if (!idle && waiting.some(({ child }) => child !== null)) return goesOn;
  const times = [...draft.all<number>("retries"), ...draft.all<number>("limits")].map(([, at]) => at);
  const availableAt = earliest(draft.ending ? null : before.deadline, times, waiting);
  // Where it waits for no message, one that nobody wants does not wake it.
  const awaitsMessages = waiting.some(({ child, signal }) => child !== null || signal !== null);
  return { status: "WAITING", availableAt, ...(awaitsMessages ? { inbox: draft.inbox } : {}), ...begins };
}

/** The earliest time at which something is due for a run; null for never. */
function earliest(
  deadline: number | null,
  times: Iterable<number>,
  waiting: Iterable<Waiting>,
): number | null {
  let due = deadline;
  for (const at of times) due = Math.min(due ?? at, at);
  for (const { until } of waiting) if (until !== null) due = Math.min(due ?? until, until);
  return due;
}

/** When something is due for a run that is in memory; null for never. */
export function nextTime({ ending, deadline, retries, limits, waiting }: RunState): number | null {
  const due = earliest(ending ? null : deadline, retries.values(), waiting.values());
  return limits.size === 0 ? due : earliest(due, limits.values(), []);
}

/** True when a run has ended, or was let go of until something happens. */
export function isAtRest({ status }: RunState): boolean {
  return isTerminal(status) || status === "WAITING";
}

/** True when a workflow has anything that is taken back when a run of it fails. */
export function hasUndo(workflow: WorkflowData): boolean {
  for (const step of everyStep(workflow.steps)) if (step.undo) return true;
  return false;
}

/** The step whose code an attempt runs: its own, or what undoes it. */
export function codeOf(workflow: WorkflowData, path: string): ReturnType<typeof stepAt> {
  if (!isUndo(path)) return stepAt(workflow.steps, path);
  return stepAt(workflow.steps, undoneBy(path));
}

function deadlineOver(deadline: number): SpineError {
  return new SpineError(
    "RUN_DEADLINE",
    `The run had not ended by its deadline, ${new Date(deadline).toISOString()}. Start it anew, with more time if that was too little.`,
  );
}

function waitOver(path: string): SpineError {
  return new SpineError("WAIT_TIMEOUT", `Nobody sent what step "${path}" waited for in its time.`);
}
