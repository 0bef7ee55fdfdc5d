import type { ExecutionContext, Partition } from "../context.ts";
import type { DatasetRef } from "../data/dataset.ts";
import type { DatabaseTransaction } from "../database/database-transaction.ts";
import type { Stages } from "../history/manifest-store.ts";
import type { Metrics, RowCounts } from "../history/records.ts";
import type { Json } from "../json.ts";
import type { Logger } from "../logger.ts";
import type { Source } from "../sources/source.ts";

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
