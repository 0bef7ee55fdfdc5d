import type { ErrorJson, SpineError } from "../errors.ts";
import type { CursorAttachment } from "../history/attachment.ts";
import type { EndsAs, Transition } from "../history/history-store.ts";
import type { RunStatus, StepStatus } from "../history/records.ts";
import type { JsonValue } from "../json.ts";
import type { Plan } from "./plan.ts";

/** What the interpreter knows of a step: its newest attempt. */
export interface StepState {
  /** Number of the newest attempt; 0 before the first. A sequence has none. */
  readonly attempt: number;
  /** WAITING: a wait, or a pipeline whose child is at work. FAILED: for good unless `retryAt` says otherwise. */
  readonly status: StepStatus;
  /** Failed attempts that count against the retry policy. */
  readonly failures: number;
  /** When the next attempt may begin (ms since the epoch), for FAILED; null: never. */
  readonly retryAt: number | null;
  /** In which order steps began, of those that have something to undo. */
  readonly order?: number;
  /** Of a step inside of another: what that one's output is made of. */
  readonly output?: JsonValue;
  readonly error?: ErrorJson;
  readonly plan?: Plan | undefined;
  /** How often it was undone: what it recorded before (checkpoints) is of a time that did not happen. */
  readonly generation?: number;
  /**
   * When what is inside of it has to have ended, or the run that it waits for (ms since the epoch): it has a timeout. An attempt
   * that follows one that was cut short (its process is gone) has no more time than that had.
   */
  readonly endsBy?: number | undefined;
  /** Of a sequence: how many of its steps are done. Of a map: how many of its items have begun. */
  readonly position?: number;
  /** Of a step that is made of others: how many of them have begun and not ended. */
  readonly open?: number;
}

/** A step before its first attempt. */
export const NOT_BEGUN: StepState = { attempt: 0, status: "PENDING", failures: 0, retryAt: null };

/** True for a step that has begun and not ended: it is under way, waits, or is tried again. */
export function isOpen(at: StepState | undefined): boolean {
  if (!at) return false;
  const { status, retryAt } = at;
  return status === "RUNNING" || status === "WAITING" || (status === "FAILED" && retryAt !== null);
}

/** A step that waits: until when, for which signal, for which run. */
export interface Waiting {
  readonly until: number | null;
  readonly signal: string | null;
  readonly child: string | null;
}

/** An attempt that is to end, and the run that it waits for. */
export interface Interrupted {
  readonly attempt: number;
  readonly child: string | null;
  readonly error?: SpineError;
}

/** What a run is on its way to while its steps are undone. */
export interface Ending {
  readonly as: EndsAs;
  readonly error: ErrorJson | null;
  /** What is still to be undone, in this order. */
  readonly left: readonly string[];
}

/**
 * The whole state of a run's interpretation; rebuilt from the history after a crash. Only `apply` changes it, in
 * place and by what is new: a run of ten thousand steps costs as much per step as a run of ten.
 */
export interface RunState {
  status: RunStatus;
  /** By path. */
  readonly steps: Map<string, StepState>;
  /** Outputs of the steps of the workflow's own list. */
  readonly outputs: Record<string, JsonValue>;
  /** Outputs inside of sequences, by their paths. */
  readonly locals: Map<string, Record<string, JsonValue>>;
  /** All steps of the list before this position are finished. */
  position: number;
  /** How many attempts have begun: the order in which steps are undone. */
  begun: number;
  /** Attempts whose code is under way: path → attempt. */
  readonly running: Map<string, number>;
  /** Attempts around steps that are under way, and those that wait: path → attempt. */
  readonly entered: Map<string, number>;
  /** Of these, when they have to have ended (ms since the epoch): path → when. */
  readonly limits: Map<string, number>;
  readonly waiting: Map<string, Waiting>;
  /** Steps that are tried again: path → when. */
  readonly retries: Map<string, number>;
  /** How many messages have been seen. */
  inbox: number;
  /** True when there may be messages that were not looked at. */
  unread: boolean;
  /** When the run fails if it has not ended (ms since the epoch). */
  readonly deadline: number | null;
  ending: Ending | null;
  /** How far fetches have come, by their paths: what the cursors are moved to when the run is completed. */
  readonly cursors: Map<string, readonly CursorAttachment[]>;
  /** True when it was rebuilt and nothing has followed yet: what its steps would have begun by now, they begin. */
  resumes: boolean;
  /** Attempts under way that do not go on: their step is gone, or it is not their turn any more. */
  readonly interrupted: Map<string, Interrupted>;
}

/** What follows from what happened: what to record, and what is new in the state once that is recorded. */
export interface Advance {
  readonly transition: Transition;
  readonly status: RunStatus;
  readonly steps: ReadonlyMap<string, StepState>;
  readonly outputs: Readonly<Record<string, JsonValue>>;
  /** Outputs inside of sequences: sequence → step → output. */
  readonly locals: ReadonlyMap<string, Readonly<Record<string, JsonValue>>>;
  readonly position: number;
  readonly begun: number;
  /** Changes of the maps of these names; null: not any more. */
  readonly running: ReadonlyMap<string, number | null>;
  readonly entered: ReadonlyMap<string, number | null>;
  readonly limits: ReadonlyMap<string, number | null>;
  readonly waiting: ReadonlyMap<string, Waiting | null>;
  readonly retries: ReadonlyMap<string, number | null>;
  readonly inbox: number;
  readonly unread: boolean;
  readonly ending: Ending | null;
  readonly cursors: ReadonlyMap<string, readonly CursorAttachment[]>;
  /** Attempts whose code is to stop: the step around them has ended without them. */
  readonly stopped: readonly string[];
  /** Children that are to be cancelled, before this is recorded. */
  readonly cancelled: readonly string[];
}

export function newRun(deadline: number | null = null): RunState {
  return {
    status: "RUNNING",
    steps: new Map(),
    outputs: {},
    locals: new Map(),
    position: 0,
    begun: 0,
    running: new Map(),
    entered: new Map(),
    limits: new Map(),
    waiting: new Map(),
    retries: new Map(),
    inbox: 0,
    unread: false,
    deadline,
    ending: null,
    cursors: new Map(),
    resumes: false,
    interrupted: new Map(),
  };
}

/** Makes an advance the state; call it once its transition is recorded. */
export function apply(state: RunState, next: Advance): void {
  state.status = next.status;
  state.position = next.position;
  state.begun = next.begun;
  state.inbox = next.inbox;
  state.unread = next.unread;
  state.ending = next.ending;
  state.resumes = false;
  state.interrupted.clear();
  for (const [path, step] of next.steps) state.steps.set(path, step);
  Object.assign(state.outputs, next.outputs);
  for (const [path, outputs] of next.locals) {
    state.locals.set(path, { ...state.locals.get(path), ...outputs });
  }
  for (const [path, cursors] of next.cursors) state.cursors.set(path, cursors);
  merge(state.running, next.running);
  merge(state.entered, next.entered);
  merge(state.limits, next.limits);
  merge(state.waiting, next.waiting);
  merge(state.retries, next.retries);
}

function merge<T>(into: Map<string, T>, changes: ReadonlyMap<string, T | null>): void {
  for (const [key, value] of changes) {
    if (value === null) into.delete(key);
    else into.set(key, value);
  }
}
