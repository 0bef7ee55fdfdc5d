import type { ZodType } from "zod";
import { aFunction, checkArgument, checkOptions, type OptionKind } from "../check-options.ts";
import type { Partition } from "../context.ts";
import type { MarkValue } from "../data/mark.ts";
import type { Merge } from "../data/merge.ts";
import type { Table } from "../data/table.ts";
import { type Duration, toMs } from "../duration.ts";
import { SpineError } from "../errors.ts";
import type { QualityCheck } from "../quality/quality-check.ts";
import type { Row, Source } from "../sources/source.ts";
import type { ChoiceStep, MapStep, ParallelStep, SequenceStep, WaitStep } from "./composite-steps.ts";
import type { FullContract } from "./contract.ts";
import type { Incremental, Since } from "./incremental.ts";
import { checkRetryPolicy, type RetryPolicy } from "./retry.ts";
import type { StepContext, UndoContext } from "./step-context.ts";
import {
  type AnyStepOptions,
  type Collecting,
  type DISPOSITIONS,
  MAP,
  type Mapping,
  type NEW_COLUMNS,
  type ON_ERROR,
  type ON_UNCHANGED,
  PARALLEL,
  RETRY,
  STEP,
  type StepOptions,
  WAIT,
  type Waiting,
  type WaitOptions,
} from "./step-options.ts";
import type { WorkflowData } from "./workflow.ts";

export type OnError = (typeof ON_ERROR)[number];

/** How a load changes the rows that are in the target already. */
export type Disposition = (typeof DISPOSITIONS)[number];

export interface StepData {
  readonly name: string;
  readonly retry: RetryPolicy | null;
  readonly timeoutMs: number | null;
  readonly heartbeatTimeoutMs: number | null;
  readonly onError: OnError;
  /** Asked when its turn comes; what is not true skips it. */
  readonly when: ((context: StepContext) => unknown) | null;
  /** Takes back what the step did, when the run fails or is cancelled after it. */
  readonly undo: ((context: UndoContext) => unknown) | null;
}

// The functions below take the context without its types: steps are data that any engine can run. The
// typed spelling is the builder's (`defineWorkflow`).
export interface LambdaStep extends StepData {
  readonly kind: "lambda";
  run(context: StepContext): unknown;
}

export interface FetchStep extends StepData {
  readonly kind: "fetch";
  /** The source, or the name that it is registered by. */
  readonly from: string | Source;
  request(context: StepContext & Since<MarkValue>): unknown;
  readonly incremental?: Incremental | null;
  /** What happens when the source has nothing new since the last run that was completed: `end` ends the run, COMPLETED. */
  readonly unchanged?: Unchanged;
  /** Which runs follow each other; all runs of the workflow when null. */
  readonly scope?: ((context: StepContext) => string) | null;
}

/** What a load does with fields that its table has no columns for. */
export type NewColumns = (typeof NEW_COLUMNS)[number];

export type Unchanged = (typeof ON_UNCHANGED)[number];

export interface TransformStep extends StepData {
  readonly kind: "transform";
  /** The step whose dataset is read. */
  readonly from: string;
  row(row: Row, context: StepContext): unknown;
  readonly schema: ZodType;
  /** Null where nothing is said: other fields are left out, and a row that does not fit is refused. */
  readonly contract?: FullContract | null;
}

export interface QualityStep extends StepData {
  readonly kind: "quality";
  /** The step whose dataset is checked. */
  readonly on: string;
  /** The steps before `on` that its rows came through; the builder knows them. */
  readonly through?: readonly string[];
  readonly checks: readonly QualityCheck[];
}

export interface LoadStep extends StepData {
  readonly kind: "load";
  /** The step whose dataset is loaded. */
  readonly from: string;
  readonly into: Table;
  /** The database that the table is in, as `createSpine({ databases })` names it; Spine's own when null. */
  readonly database?: string | null;
  /** What becomes of fields that the rows have and the table has not; `ignore` when left out. */
  readonly newColumns?: NewColumns;
  readonly disposition: Disposition;
  /** How rows that are there are found by columns; null where they are not. */
  readonly merge: Omit<Merge, "partition"> | null;
  /** The partition that is replaced, or that the rows are of; null where the load is about the whole table. */
  readonly partition: ((context: StepContext) => Partition) | null;
}

/** A fetch, a transform, checks and a load in one pass. */
export interface IngestStep
  extends StepData,
    Pick<FetchStep, "from" | "request" | "incremental" | "unchanged" | "scope">,
    Pick<TransformStep, "row" | "schema" | "contract">,
    Pick<QualityStep, "checks">,
    Pick<LoadStep, "into" | "disposition" | "merge" | "partition"> {
  readonly kind: "ingest";
}

export interface PipelineStep extends StepData {
  readonly kind: "pipeline";
  /** The name of the workflow that runs as a child. */
  readonly pipeline: string;
  /** That workflow, where it was given as it is: it is registered together with the one that the step is of. */
  readonly child?: WorkflowData;
  params(context: StepContext): unknown;
}

/** A step: frozen data. */
export type Step =
  | LambdaStep
  | FetchStep
  | TransformStep
  | QualityStep
  | LoadStep
  | IngestStep
  | PipelineStep
  | SequenceStep
  | ParallelStep
  | MapStep
  | ChoiceStep
  | WaitStep;
export type StepKind = Step["kind"];

/** The data constructors that the builder itself uses, for workflows that are generated. */
export const Step = {
  /** A step of your own code. */
  lambda(name: string, run: (context: StepContext) => unknown, options: AnyStepOptions = {}): Step {
    aFunctionOf(name, "run", run);
    return freezeStep({ ...stepData(name, options), kind: "lambda", run });
  },
  /** A step that runs another registered workflow as a child and waits for it. */
  pipeline(
    name: string,
    pipeline: string,
    params: (context: StepContext) => unknown = (context) => context.params,
    options: AnyStepOptions = {},
  ): Step {
    aFunctionOf(name, "params", params);
    return freezeStep({ ...stepData(name, options), kind: "pipeline", pipeline, params });
  },
  /** Steps one after another, as a branch of another step. */
  sequence(name: string, steps: readonly Step[]): Step {
    return freezeStep({ ...stepData(name, {}), kind: "sequence", steps });
  },
  /** Steps at the same time. */
  parallel(name: string, branches: readonly Step[], options: AnyStepOptions & Collecting = {}): Step {
    const data = stepData(name, options, PARALLEL);
    if (!options.when && (options.retry ?? options.heartbeatTimeout) !== undefined) {
      throw new SpineError(
        "WORKFLOW_INVALID",
        `Step "${name}" has no code of its own that \`retry\` or \`heartbeatTimeout\` could be about. Give them to the steps inside of it.`,
      );
    }
    return freezeStep({ ...data, kind: "parallel", branches, collect: options.collect ?? false });
  },
  /** A step for each item of what `over` returns. */
  map(
    name: string,
    over: (context: StepContext) => unknown,
    each: Step,
    options: AnyStepOptions & Collecting & Mapping = {},
  ): Step {
    const data = stepData(name, options, MAP);
    aFunctionOf(name, "over", over);
    const { collect = false, concurrency = DEFAULT_CONCURRENCY, key = null } = options;
    if (!(Number.isInteger(concurrency) && concurrency >= 1)) {
      throw new SpineError(
        "WORKFLOW_INVALID",
        `Step "${name}": concurrency is ${String(concurrency)}; it must be a whole number from 1.`,
      );
    }
    return freezeStep({ ...data, kind: "map", over, key, concurrency, each, collect });
  },
  /** One of the cases: the one that `on` names. */
  choice(
    name: string,
    on: (context: StepContext) => unknown,
    cases: readonly Step[],
    options: AnyStepOptions = {},
  ): Step {
    aFunctionOf(name, "on", on);
    return freezeStep({ ...stepData(name, options), kind: "choice", on, cases });
  },
  /** Waits for a time, a signal or an approval. */
  wait(name: string, options: Waiting<AnyStepOptions> & WaitOptions): Step {
    return freezeStep({
      ...stepData(name, options, WAIT),
      timeoutMs: null,
      kind: "wait",
      ...waitData(name, options),
    });
  },
} as const;

const DEFAULT_CONCURRENCY = 10;

function aFunctionOf(step: string, argument: string, given: unknown): void {
  checkArgument(argument, given, aFunction, { of: `step "${String(step)}"`, code: "WORKFLOW_INVALID" });
}

/**
 * What all steps have.
 *
 * @param kinds the options of its kind of step; those that are not among them are refused.
 * @internal
 */
export function stepData(
  name: string,
  options: AnyStepOptions,
  kinds: Readonly<Record<string, OptionKind>> = STEP,
): StepData {
  const of = `step "${String(name)}"`;
  checkOptions(options, kinds, { of, code: "WORKFLOW_INVALID" });
  if (options.retry !== undefined) {
    checkOptions(options.retry, RETRY, { of: `\`retry\` of ${of}`, name: "retry", code: "WORKFLOW_INVALID" });
    checkRetryPolicy(options.retry);
  }
  return {
    name,
    retry: options.retry ?? null,
    timeoutMs: msOf(options.timeout),
    heartbeatTimeoutMs: msOf(options.heartbeatTimeout),
    onError: options.onError ?? "stop",
    when: options.when ?? null,
    undo: options.undo ?? null,
  };
}

function msOf(duration: Duration | undefined): number | null {
  return duration === undefined ? null : toMs(duration);
}

type Wait = Pick<WaitStep, "time" | "isTimeout" | "signal" | "schema" | "isApproval">;

function waitData(name: string, options: WaitOptions & StepOptions): Wait {
  const { signal, schema = null, approval = false, timeout } = options;
  const given = [options.for, options.until, signal, approval || undefined].filter(
    (one) => one !== undefined,
  );
  if (given.length !== 1) {
    throw new SpineError(
      "WORKFLOW_INVALID",
      `Step "${name}" waits for ${given.length} things. Give it one of \`for\`, \`until\`, \`signal\` and \`approval\`.`,
    );
  }
  const isSignal = signal !== undefined || approval;
  if (!isSignal && timeout !== undefined) {
    throw new SpineError(
      "WORKFLOW_INVALID",
      `Step "${name}" waits for a time, and has no use for a \`timeout\`. Leave it out.`,
    );
  }
  const time = isSignal ? timeout : (options.for ?? options.until);
  return {
    time: time === undefined ? null : typeof time === "function" ? time : () => time,
    isTimeout: isSignal,
    signal: signal ?? null,
    schema,
    isApproval: approval,
  };
}

/** @internal */
export function freezeStep<T extends Step>(step: T): T {
  for (const value of Object.values(step)) if (Array.isArray(value)) Object.freeze(value);
  return Object.freeze(step);
}
