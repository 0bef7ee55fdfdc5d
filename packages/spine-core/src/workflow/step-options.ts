import type { ZodType } from "zod";
import {
  aBoolean,
  aDuration,
  aFunction,
  aList,
  anything,
  aSchema,
  aText,
  aTimeLimit,
  type OptionKind,
  type OptionKinds,
  oneOf,
  required,
  withFunctions,
} from "../check-options.ts";
import { isTable } from "../data/table.ts";
import type { Duration } from "../duration.ts";
import { AN_INSTANT, toInstant } from "../instant.ts";
import { aWorkflow } from "./is-workflow.ts";
import type { RetryPolicy } from "./retry.ts";
import type { OnError } from "./step.ts";
import type { StepContext, UndoContext } from "./step-context.ts";

// The options of each kind of step, by name. Each kind has those of all steps.

export const ON_ERROR = ["stop", "continue"] as const;
export const ON_UNCHANGED = ["end", "read"] as const;
export const DISPOSITIONS = ["append", "replace", "replace-partition", "merge", "scd2"] as const;
export const NEW_COLUMNS = ["ignore", "add"] as const;
export const STRATEGIES = ["delete-insert", "upsert"] as const;
export const ABSENT = ["close", "keep"] as const;

export interface StepOptions {
  /**
   * When and how often a failed attempt is repeated; the default repeats retryable errors twice. Of a step that is made of others
   * (`map`, `choice`, `when`) or runs another workflow (`pipeline`), it is about its own code: the list, the condition, the
   * parameters. What is inside has its own.
   */
  readonly retry?: RetryPolicy;
  /**
   * The longest that one attempt may take, from its begin to its end; it fails with STEP_TIMEOUT. The signal of code is aborted. Of a
   * step that is made of others, or runs another workflow, it is the time of all that is inside: what is under way of that is aborted
   * and CANCELLED, a child cancelled, and the failure is for good (`onError` applies, `retry` does not). It counts from the recorded
   * begin, also over a crash or while no process works on the run; a pause ends the attempt, and the next one has all of its time.
   * Of a wait, it is how long a signal or an approval is waited for: it fails with WAIT_TIMEOUT.
   */
  readonly timeout?: Duration;
  /**
   * The longest that nothing may be heard of the code of one attempt: no `context.progress`, no `context.heartbeat`, and of a data
   * step no page. Afterwards its signal is aborted and it fails with STEP_HEARTBEAT_TIMEOUT. For code that may take long, but not
   * without a sign of life; as with `retry`, what is inside of a step has its own. A wait has none: it runs no code.
   */
  readonly heartbeatTimeout?: Duration;
  /**
   * What becomes of the run when the step has failed for good: it ends (`stop`, the default), or goes on without the step's
   * output (`continue`).
   */
  readonly onError?: OnError;
}

/** How a step inside of which others run takes their failures. */
export interface Collecting {
  /** True: one that fails does not end the others, and the output says of each how it ended. Otherwise they are cancelled. */
  readonly collect?: boolean;
}

export interface Mapping {
  /** What an item is recognised by when the run is resumed, unique in the list; its position when left out. */
  readonly key?: (item: unknown, index: number) => string;
  /** Items at a time; 10 when left out. */
  readonly concurrency?: number;
}

/** What is waited for: a time, or a signal with a time as its timeout. */
export interface WaitOptions {
  /** For so long: a duration, or a function that says it when the step begins. */
  readonly for?: Duration | ((context: StepContext) => Duration);
  /** Until then: a Date or an ISO text with its zone, or a function that says it when the step begins. */
  readonly until?: Date | string | ((context: StepContext) => Date | string);
  /** Until a signal of this name has come (`spine.signal`), even if it came before. */
  readonly signal?: string;
  /** What the payload of the signal has to be; it is the step's output. */
  readonly schema?: ZodType;
  /** Until somebody approves (`spine.approve`), or refuses. */
  readonly approval?: boolean;
}

/** The options of a step with those that the builder gives types to. */
export interface AnyStepOptions extends StepOptions {
  readonly when?: (context: StepContext) => unknown;
  readonly undo?: (context: UndoContext) => unknown;
}

/** Those of a wait: it runs no code that could be heard. */
export type Waiting<Options extends StepOptions> = Omit<Options, "heartbeatTimeout">;

const WAITING: OptionKinds<Waiting<AnyStepOptions>> = {
  // Checked by itself.
  retry: anything,
  timeout: aDuration,
  onError: oneOf(ON_ERROR),
  when: aFunction,
  undo: aFunction,
};
export const STEP: OptionKinds<AnyStepOptions> = {
  ...WAITING,
  // No code ends within no time; whether a signal has come already may be asked.
  timeout: aTimeLimit,
  heartbeatTimeout: aTimeLimit,
};
export const RETRY: OptionKinds<RetryPolicy> = { attempts: anything, delay: aDuration, maxDelay: aDuration };

const aSource = either("a source, or the name of one", aText, withFunctions("", "stream"));
/** Whether a step of that name makes a dataset is seen when the step is added. */
const aStep: OptionKind = required({ ...aText, is: "the name of a step before it" });

export const FETCH = {
  ...STEP,
  from: required(aSource),
  request: required(aFunction),
  // Checked by itself.
  incremental: anything,
  unchanged: oneOf(ON_UNCHANGED),
  scope: aFunction,
};
export const TRANSFORM = {
  ...STEP,
  from: aStep,
  row: required(aFunction),
  schema: required(aSchema),
  // Checked by itself.
  contract: anything,
};
const someChecks: OptionKind = {
  is: "a list of checks",
  fits: (value) => Array.isArray(value) && value.every(isCheck),
};

function isCheck(value: unknown): boolean {
  const { name, start } = Object(value) as Readonly<Record<string, unknown>>;
  return typeof name === "string" && name !== "" && typeof start === "function";
}

export const QUALITY = { ...STEP, on: aStep, checks: required(someChecks) };
export const LOAD = {
  ...STEP,
  from: aStep,
  into: required({ is: "a table, as `defineTable` returns it", fits: isTable }),
  disposition: required(oneOf(DISPOSITIONS)),
  partition: aFunction,
  by: aList,
  strategy: oneOf(STRATEGIES),
  absent: oneOf(ABSENT),
  database: aText,
  newColumns: oneOf(NEW_COLUMNS),
};
const { from: _loaded, database: _elsewhere, newColumns: _added, ...HOW } = LOAD;
const { from: _transformed, ...MAKING } = TRANSFORM;
export const INGEST = { ...FETCH, ...MAKING, ...HOW, checks: someChecks };
export const PIPELINE = { ...STEP, run: required(aWorkflow), params: aFunction };
export const PARALLEL: OptionKinds<AnyStepOptions & Collecting> = { ...STEP, collect: aBoolean };
/** `concurrency` is checked by itself. */
export const MAP: OptionKinds<AnyStepOptions & Collecting & Mapping> = {
  ...STEP,
  collect: aBoolean,
  key: aFunction,
  concurrency: anything,
};
/** With what the builder takes for each of the items. */
export const MAP_EACH = {
  ...MAP,
  over: required(aFunction),
  run: aFunction,
  steps: aFunction,
  pipeline: aWorkflow,
  params: aFunction,
  each: anything,
};
export const WAIT: OptionKinds<Waiting<AnyStepOptions> & WaitOptions> = {
  ...WAITING,
  for: either(`${aDuration.is}, or a function that returns one`, aDuration, aFunction),
  until: either(`${AN_INSTANT}, or a function that returns one`, aFunction, {
    is: "",
    fits: (value) => toInstant(value) !== null,
  }),
  signal: aText,
  schema: aSchema,
  approval: aBoolean,
};

function either(is: string, ...kinds: readonly OptionKind[]): OptionKind {
  return { is, fits: (value) => kinds.some((kind) => kind.fits(value)) };
}
