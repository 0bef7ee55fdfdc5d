import type { ZodType } from "zod";
import type { ExecutionContext, Partition } from "../context.ts";
import type { DatasetRef } from "../data/dataset.ts";
import type { Table } from "../data/table.ts";
import type { DatabaseTransaction } from "../database/database-transaction.ts";
import { type Duration, toMs } from "../duration.ts";
import type { Json } from "../json.ts";
import type { Logger } from "../logger.ts";
import type { QualityCheck } from "../quality/quality-check.ts";
import type { Row, Source } from "../sources/source.ts";
import { checkRetryPolicy, type RetryPolicy } from "./retry.ts";

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

export interface StepOptions {
  /** When and how often a failed attempt is repeated; the default repeats retryable errors twice. */
  readonly retry?: RetryPolicy;
  /** The longest that one attempt may take; afterwards its signal is aborted and it fails with STEP_TIMEOUT. */
  readonly timeout?: Duration;
}

/** How a load changes the rows that are in the target already. */
export const DISPOSITIONS = ["append", "replace-partition"] as const;
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
  request(context: StepContext): unknown;
}

export interface TransformStep extends StepData {
  readonly kind: "transform";
  /** The step whose dataset is read. */
  readonly from: string;
  row(row: Row, context: StepContext): unknown;
  readonly schema: ZodType;
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
  readonly disposition: Disposition;
  /** The partition that is replaced; null for `append`. */
  readonly partition: ((context: StepContext) => Partition) | null;
}

export interface PipelineStep extends StepData {
  readonly kind: "pipeline";
  /** The name of the workflow that runs as a child. */
  readonly pipeline: string;
  params(context: StepContext): unknown;
}

/** A step: frozen data. */
export type Step = LambdaStep | FetchStep | TransformStep | QualityStep | LoadStep | PipelineStep;
export type StepKind = Step["kind"];

/** The data constructors that the builder itself uses, for workflows that are generated. */
export const Step = {
  /** A step of your own code. */
  lambda(name: string, run: (context: StepContext) => unknown, options: StepOptions = {}): Step {
    return freezeStep({ ...stepData(name, options), kind: "lambda", run });
  },
  /** A step that runs another registered workflow as a child and waits for it. */
  pipeline(
    name: string,
    pipeline: string,
    params: (context: StepContext) => unknown = (context) => context.params,
    options: StepOptions = {},
  ): Step {
    return freezeStep({ ...stepData(name, options), kind: "pipeline", pipeline, params });
  },
} as const;

/** @internal */
export function stepData(name: string, options: StepOptions): StepData {
  if (options.retry) checkRetryPolicy(options.retry);
  return {
    name,
    retry: options.retry ?? null,
    timeoutMs: options.timeout === undefined ? null : toMs(options.timeout),
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
  /** True when the partition held the same content already, so that nothing was written. */
  readonly unchanged: boolean;
}
