import type { ZodType } from "zod";
import { aFunction, checkArgument, checkOptions, type OptionKind } from "../check-options.ts";
import type { ExecutionContext, Partition } from "../context.ts";
import type { DatasetRef } from "../data/dataset.ts";
import type { MarkValue } from "../data/mark.ts";
import type { Merge } from "../data/merge.ts";
import type { Table } from "../data/table.ts";
import type { DatabaseTransaction } from "../database/database-transaction.ts";
import { type Duration, toMs } from "../duration.ts";
import { SpineError } from "../errors.ts";
import type { Stages } from "../history/manifest-store.ts";
import type { Metrics, RowCounts } from "../history/records.ts";
import type { Json } from "../json.ts";
import type { Logger } from "../logger.ts";
import type { QualityCheck, QualityReport } from "../quality/quality-check.ts";
import type { Row, Source } from "../sources/source.ts";
import type { ChoiceStep, MapStep, ParallelStep, SequenceStep, WaitStep } from "./composite-steps.ts";
import type { FullContract } from "./contract.ts";
import type { Incremental, Since } from "./incremental.ts";
import { checkRetryPolicy, type RetryPolicy } from "./retry.ts";
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

/** What a step's function sees: one signature for every kind of step. */
export interface StepContext<Params = unknown, Outputs = unknown> extends ExecutionContext<Params> {
  readonly step: string;
  /** 1 for the first attempt. */
  readonly attempt: number;
  /** The recorded outputs of the steps before this one, by name, as JSON gave them back. */
  readonly outputs: Outputs;
  /** Aborted when the run is cancelled, the step times out, or the run belongs to another worker. */
  readonly signal: AbortSignal;
  readonly logger: Logger;
  /** Records a figure of this run, e.g. `metric("total_records", 1500)`. It commits with the step. */
  metric(name: string, value: number | string): void;
  /**
   * Says how far the step has come: at once to listeners of this process (`step.progress`), and within about a second to
   * everybody who looks at the run (`progress` in its steps), while the attempt goes on. As cheap as it has to be in a loop: of
   * all calls the newest counts, and none writes anything. It is a sign of life, too.
   *
   * Each call says all of it: what is left out is not known any more.
   *
   * @throws ValidationError for a number that is none or below 0, a unit or a message that is no text, and for what does not exist.
   * @example
   * const flow = defineWorkflow({ name: "demo.copy" }).step("copy", async ({ progress, signal }) => {
   *   const files = await list();
   *   for (const [done, file] of files.entries()) {
   *     progress({ done, total: files.length, unit: "files", message: file.name });
   *     await copy(file, { signal });
   *   }
   * });
   */
  progress(progress: Progress): void;
  /**
   * Says that a partition has reached a stage of a domain's work (`spine.manifest`): the run's own when none is given. It commits with the
   * step, and not at all if that fails.
   *
   * @throws ValidationError for a stage that there is not, and where there is no partition.
   * @example
   * const stages = { domain: "demo.weeks", stages: ["INGESTED", "PUBLISHED"] };
   * const flow = defineWorkflow({ name: "demo.publish", params: z.object({ week: z.string() }) }).step(
   *   "publish",
   *   ({ advance, params: { week } }) => advance(stages, "PUBLISHED", { rows: 12, partition: { week } }),
   * );
   */
  advance(stages: Stages, stage: string, options?: AdvanceOptions): void;
  /** A sign of life, for `heartbeatTimeout`: nothing else comes of it. As cheap as `progress`. */
  heartbeat(): void;
  /** A registered source by name. */
  source(name: string): Source;
  /** The rows of a dataset, in batches. */
  read<R extends object>(dataset: DatasetRef<R>): AsyncIterable<readonly R[]>;
  /**
   * Does a part of the step once: its result is recorded under `key` (unique in the step), and an attempt that
   * begins again gets it back instead of doing the work. A crash may repeat work whose result was not recorded.
   */
  checkpoint<T>(key: string, work: () => T): Promise<Json<Awaited<T>>>;
  /**
   * The time of this process in ms since the epoch, recorded: an attempt that begins again gets what earlier ones got, its
   * first call the first time, and so on. For code that has to decide the same again; each new one is a write, and none
   * can be had inside of `transaction`.
   *
   * @example
   * const flow = defineWorkflow({ name: "demo.bill" }).step("bill", async ({ now }) => {
   *   const month = new Date(await now()).toISOString().slice(0, 7); // the same, if the month ends between two attempts
   *   return { month };
   * });
   */
  now(): Promise<number>;
  /**
   * A number in [0, 1), recorded like `now`.
   *
   * @example
   * const flow = defineWorkflow({ name: "demo.sample" }).step("draw", async ({ random }) => (await random()) < 0.01);
   */
  random(): Promise<number>;
  /**
   * Writes to Spine's own database exactly once: `work` and the record of its result commit together, or not
   * at all. Open for at most 5 s (TRANSACTION_TOO_LONG). A step with several gives each a `key`.
   *
   * On Postgres `work` is called again when somebody else changed what it read. Its writes commit exactly once all the
   * same; what it does outside of the transaction has to bear being done more than once.
   */
  transaction<T>(
    work: (transaction: DatabaseTransaction) => Promise<T>,
    options?: { readonly key?: string },
  ): Promise<Json<T>>;
}

/** What is said of a stage that a partition has reached. */
export interface AdvanceOptions {
  readonly rows?: number;
  readonly metrics?: Metrics;
  readonly partition?: Partition;
}

/** How far a step has come, as its code says it. */
export interface Progress {
  /** How much of it is done: a number from 0. */
  readonly done?: number | undefined;
  /** How much there is in all. An estimate will do: `done` may come to more. */
  readonly total?: number | undefined;
  /** What is counted, e.g. `files`: a text of 1 to 40 characters. */
  readonly unit?: string | undefined;
  /** What it is at, for people: the run's secrets are taken out of it, and what is behind its first 1,000 characters is cut off. */
  readonly message?: string | undefined;
  /** Rows so far, where it works with rows. */
  readonly rows?: RowCounts | undefined;
}

export type OnError = (typeof ON_ERROR)[number];

/** What an undo handler sees: the context of its step, and what the step had brought about. */
export interface UndoContext<Params = unknown, Outputs = unknown, Output = unknown>
  extends StepContext<Params, Outputs> {
  readonly output: Output;
}

/** What the steps of a `map` see of the item that they are about. */
export interface ItemContext<Item = unknown> {
  readonly item: Item;
  /** What the item is recognised by. */
  readonly key: string;
  /** Its position in the list. */
  readonly index: number;
}

/** How a load changes the rows that are in the target already. */
export type Disposition = (typeof DISPOSITIONS)[number];

/** What a transform's row function may return instead of a row. */
export class Rejection {
  readonly code: string;
  readonly message: string;
  constructor(code: string, message: string) {
    this.code = code;
    this.message = message;
  }
}

/** Refuses a row with a reason code, e.g. `reject("TIER_MISMATCH", "The row is of tier T1.")`. */
export function reject(code: string, message: string): Rejection {
  return new Rejection(code, message);
}

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

/** The output of a load step. */
export interface LoadResult {
  readonly loadId: string;
  readonly table: string;
  /** Rows written; 0 when the partition held the very same content already. */
  readonly inserted: number;
  /** Rows that were the current ones before and are not any more. */
  readonly superseded: number;
  /** Rows that were there already, the same in all columns, and were left as they are; of a load by keys. */
  readonly kept?: number;
  /** True when the partition held the same content already, so that nothing was written. */
  readonly unchanged: boolean;
  /**
   * The database that was loaded into, where it is not Spine's own: the load did not commit together with the record of its step, but
   * under a load id that no attempt of the step can load under again.
   */
  readonly database?: string;
  /** The columns that the table has got with this load, or with one before, beyond its definition. */
  readonly newColumns?: readonly string[];
}

/** The output of an ingest step. */
export interface IngestResult extends Pick<DatasetRef, "incremental"> {
  /** Rows that came through the transform. */
  readonly rows: number;
  /** Rows that were refused, by the source or by the transform. */
  readonly rejected: number;
  readonly quality: QualityReport;
  readonly load: LoadResult;
}
