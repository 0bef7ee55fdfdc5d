import type { SpineError } from "../errors.ts";
import type { Attachment, CursorAttachment } from "../history/attachment.ts";
import type { NewRun, StepBegin, StepEnd, StepSkip, StepWait } from "../history/history-store.ts";
import type { Metrics } from "../history/records.ts";
import type { JsonValue } from "../json.ts";
import type { Step } from "../workflow/step.ts";
import { nameIn, parentOf, stepAt } from "../workflow/step-paths.ts";
import type { WorkflowData } from "../workflow/workflow.ts";
import { type Ending, NOT_BEGUN, type RunState, type StepState, type Waiting } from "./run-state.ts";

const NONE: readonly string[] = [];
type MapName = "running" | "entered" | "limits" | "waiting" | "retries";

/** What is new in a run, on top of its state, which stays as it is: an advance may be worked out more than once. */
export class Draft {
  readonly workflow: WorkflowData;
  readonly before: RunState;
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** A number in [0, 1), for the jitter of retries. */
  readonly random: number;
  readonly ended: StepEnd[] = [];
  readonly begun: StepBegin[] = [];
  readonly skipped: StepSkip[] = [];
  readonly waits: StepWait[] = [];
  readonly children: NewRun[] = [];
  readonly taken: string[] = [];
  readonly attachments: Attachment[] = [];
  readonly steps = new Map<string, StepState>();
  readonly outputs: Record<string, JsonValue> = {};
  readonly locals = new Map<string, Record<string, JsonValue>>();
  readonly running = new Map<string, number | null>();
  readonly entered = new Map<string, number | null>();
  readonly limits = new Map<string, number | null>();
  readonly waiting = new Map<string, Waiting | null>();
  readonly retries = new Map<string, number | null>();
  readonly cursors = new Map<string, readonly CursorAttachment[]>();
  readonly stopped: string[] = [];
  readonly cancelled: string[] = [];
  metrics: Metrics = {};
  /** How many attempts have begun, those of this advance that were taken back included. */
  begins: number;
  position: number;
  inbox: number;
  unread: boolean;
  /** True when the time of a step that waits, or around one that does, is over, and it is to be read first what came. */
  overdue = false;
  /** Set once the run has failed for good, or begins to undo. */
  ending: Ending | null;
  /** What made it fail, in this advance. */
  failure: SpineError | null = null;
  /** What is still to be done in this advance. */
  readonly todo: (() => void)[] = [];

  constructor(workflow: WorkflowData, before: RunState, now: number, random: number) {
    this.workflow = workflow;
    this.before = before;
    this.now = now;
    this.random = random;
    this.begins = before.begun;
    this.position = before.position;
    this.inbox = before.inbox;
    this.unread = before.unread;
    this.ending = before.ending;
  }

  /** The step of a path; undefined when the workflow has it no more. */
  at(path: string): Step | undefined {
    return stepAt(this.workflow.steps, path);
  }

  step(path: string): StepState {
    return this.steps.get(path) ?? this.before.steps.get(path) ?? NOT_BEGUN;
  }

  set(path: string, changes: Partial<StepState>): void {
    this.steps.set(path, { ...this.step(path), ...changes });
  }

  /** Keeps an output where those that come later look for it. */
  keep(path: string, output: JsonValue, inSequence: boolean): void {
    const parent = parentOf(path);
    if (parent === null) {
      this.outputs[path] = output;
      return;
    }
    this.set(path, { output });
    if (!inSequence) return;
    const local = this.locals.get(parent) ?? {};
    local[nameIn(path)] = output;
    this.locals.set(parent, local);
  }

  /** Nothing is under way inside of a step any more. */
  leave(path: string): void {
    this.entered.set(path, null);
    if (this.before.limits.has(path) || this.limits.has(path)) this.limits.set(path, null);
  }

  /** What stands in one of the state's maps with what is new in it, as it is now: it may be changed meanwhile. */
  all<T>(name: MapName): readonly (readonly [string, T])[] {
    const all: [string, T][] = [];
    const before = this.before[name] as Map<string, T>;
    const changes = this[name] as ReadonlyMap<string, T | null>;
    for (const [path, value] of before) if (!changes.has(path)) all.push([path, value]);
    for (const [path, value] of changes) if (value !== null) all.push([path, value]);
    return all;
  }

  /** The paths in one of the maps whose time has come. */
  due<T>(name: "waiting" | "retries", timeOf: (value: T) => number | null): readonly string[] {
    if (this.before[name].size + this[name].size === 0) return NONE;
    const due: string[] = [];
    for (const [path, value] of this.all<T>(name)) {
      const at = timeOf(value);
      if (at !== null && at <= this.now) due.push(path);
    }
    return due;
  }

  /** The steps whose time is over: the earliest first, and one around others before these. */
  pastLimit(): readonly string[] {
    if (this.before.limits.size + this.limits.size === 0) return NONE;
    return this.all<number>("limits")
      .filter(([, at]) => at <= this.now)
      .sort(([a, atA], [b, atB]) => atA - atB || a.length - b.length)
      .map(([path]) => path);
  }

  /** False once this advance has taken it out: something else of it ended the step, or the one around it. */
  isStill(name: MapName, path: string): boolean {
    return this[name].get(path) !== null;
  }

  isEmpty(name: "running" | "retries"): boolean {
    for (const value of this[name].values()) if (value !== null) return false;
    for (const path of this.before[name].keys()) if (!this[name].has(path)) return false;
    return true;
  }
}
