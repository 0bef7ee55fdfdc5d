import type { ZodType } from "zod";
import type { Step, StepData } from "./step.ts";
import type { StepContext } from "./step-context.ts";

// Steps that are made of others. The attempts of what is inside of them have a path as their name: `prices/nyse`,
// `venues/XNYS/load`. Each has an attempt of its own around them, but for a sequence, which is only an order.

/** Steps one after another; its output is that of the last one. Only inside of other steps. */
export interface SequenceStep extends StepData {
  readonly kind: "sequence";
  readonly steps: readonly Step[];
}

/** Steps at the same time; its output has theirs by name. */
export interface ParallelStep extends StepData {
  readonly kind: "parallel";
  readonly branches: readonly Step[];
  /** True: those that fail do not end the others, and the output says of each how it ended. */
  readonly collect: boolean;
}

/** A step for each item of a list; its output has theirs in the order of the items. */
export interface MapStep extends StepData {
  readonly kind: "map";
  over(context: StepContext): unknown;
  /** What an item is recognised by when the run is resumed; its position in the list when null. */
  readonly key: ((item: unknown, index: number) => string) | null;
  /** Items at a time. */
  readonly concurrency: number;
  /** The same, where it is only known when the step begins. */
  atOnce?(context: StepContext): number;
  readonly each: Step;
  /** As with `parallel`. */
  readonly collect: boolean;
}

/** One of several steps, chosen when its turn comes; its output is that of the chosen one. */
export interface ChoiceStep extends StepData {
  readonly kind: "choice";
  /** The name of one of the cases; nothing (null, undefined, false) skips the step. */
  on(context: StepContext): unknown;
  readonly cases: readonly Step[];
}

/** Nothing is done until a time, or until somebody says so. The run leaves memory meanwhile. */
export interface WaitStep extends StepData {
  readonly kind: "wait";
  /** How long, or until when; null when no time ends it. */
  readonly time: ((context: StepContext) => number | string | Date) | null;
  /** True: the time is the longest that a signal is waited for, and its end is a failure (WAIT_TIMEOUT). */
  readonly isTimeout: boolean;
  /** The name of the signal that ends it; null: only time does, or an approval. */
  readonly signal: string | null;
  /** What the signal's payload has to be. */
  readonly schema: ZodType | null;
  /** It waits for a signal with its own path as the name, an `Approval`: one that says no fails it (APPROVAL_REJECTED). */
  readonly isApproval: boolean;
}

/** What an approval says. */
export interface Approval {
  readonly approved: boolean;
  /** Who said it. */
  readonly by?: string | undefined;
  readonly comment?: string | undefined;
}

/** How a branch of a `parallel`, or an item of a `map`, ended that collects its failures. */
export type Collected<Output> =
  | { readonly status: "COMPLETED"; readonly output: Output }
  | {
      readonly status: "FAILED";
      readonly error: { readonly code: string; readonly category: string; readonly message: string };
    };
