import {
  aBoolean,
  aDuration,
  aFunction,
  aList,
  anything,
  aSchema,
  aText,
  type OptionKind,
  type OptionKinds,
  oneOf,
  required,
  withFunctions,
} from "../check-options.ts";
import { AN_INSTANT, toInstant } from "../instant.ts";
import { aWorkflow } from "./is-workflow.ts";
import type { RetryPolicy } from "./retry.ts";
import type { AnyStepOptions, Collecting, Mapping, WaitOptions } from "./step.ts";

// The options of each kind of step, by name. Each kind has those of all steps.

export const ON_ERROR = ["stop", "continue"] as const;
export const ON_UNCHANGED = ["end", "read"] as const;
export const DISPOSITIONS = ["append", "replace-partition"] as const;

export const STEP: OptionKinds<AnyStepOptions> = {
  // Checked by itself.
  retry: anything,
  timeout: aDuration,
  onError: oneOf(ON_ERROR),
  when: aFunction,
  undo: aFunction,
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
export const TRANSFORM = { ...STEP, from: aStep, row: required(aFunction), schema: required(aSchema) };
export const QUALITY = { ...STEP, on: aStep, checks: required(aList) };
export const LOAD = {
  ...STEP,
  from: aStep,
  into: required({ is: "a table, as `defineTable` returns it", fits: isTable }),
  disposition: required(oneOf(DISPOSITIONS)),
  partition: aFunction,
};
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
export const WAIT: OptionKinds<AnyStepOptions & WaitOptions> = {
  ...STEP,
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

function isTable(value: unknown): boolean {
  return typeof value === "object" && value !== null && "name" in value && "columns" in value;
}
