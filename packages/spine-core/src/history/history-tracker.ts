import { createHash } from "node:crypto";
import { withFailureAlert } from "../alerts/failure-alert.ts";
import { aFunction, checkArgument } from "../check-options.ts";
import { checkText } from "../check-text.ts";
import type { Partition } from "../context.ts";
import { SpineError } from "../errors.ts";
import { newId } from "../ids.ts";
import { canonicalJson, encodeJson } from "../json.ts";
import type { QualityResult } from "../quality/quality-check.ts";
import type { Attachment } from "./attachment.ts";
import { checkMetric } from "./check-metric.ts";
import { checkPartition } from "./check-partition.ts";
import type { Fence, HistoryStore, RunChange, StepEnd, Transition } from "./history-store.ts";
import type { Metrics, RowCounts } from "./records.ts";
import { checkTags } from "./tags.ts";
import { checkQuality, checkRows, checkTrackOptions } from "./tracked-facts.ts";

const LONGEST_NAME = 200;
/** The fingerprint of a run that is only recorded: it has no steps that Spine could do. */
export const TRACKED = "tracked";
export interface TrackOptions {
  readonly domain?: string;
  readonly partition?: Partition;
  readonly params?: unknown;
  readonly tags?: readonly string[];
  /** `tracker` when left out. */
  readonly triggeredBy?: string;
}

/** A run that somebody else drives. */
export interface TrackedRun {
  readonly runId: string;
  /** Records a step around `work`; what `work` throws fails the step and is thrown on. */
  trackStep<T>(name: string, kind: string, work: (step: TrackedStep) => Promise<T>): Promise<T>;
  recordMetric(name: string, value: number | string): void;
  recordOutput(output: unknown): void;
  /** The run ends CANCELLED, whatever comes after. */
  cancel(reason: string): void;
}

/** A step that somebody else does. */
export interface TrackedStep {
  recordRecords(rows: number | RowCounts): void;
  recordOutput(output: unknown): void;
  recordMetric(name: string, value: number | string): void;
  recordQuality(results: readonly QualityResult[]): void;
  /** The step ends SKIPPED instead of COMPLETED; the reason is its output's `skip_reason`. */
  skip(reason: string): void;
}

/**
 * Records runs that Spine does not drive (a script, another engine) in the same history, so that they are seen
 * like any other. It only records: nothing is resumed or tried again. Runs of a process that dies end FAILED (WORKER_LOST), by any
 * process that works on the database, also where that one knows a workflow of their name.
 *
 * To the history it is a worker, which counts as alive until it is closed: let `await using` do that, or call `close`.
 *
 * @example
 * await using tracker = new HistoryTracker(spine.history);
 * await tracker.trackWorkflow("legacy.nightly", { domain: "pricing" }, async (run) => {
 *   await run.trackStep("fetch", "lambda", async (step) => step.recordRecords(1500));
 * });
 */
export class HistoryTracker implements AsyncDisposable {
  readonly #history: HistoryStore;
  readonly #worker = `tracker-${newId()}`;
  readonly #tracked = new Set<Promise<unknown>>();
  /** Runs whose work is over, and whose end could not be recorded. */
  readonly #unended = new Set<Tracked>();
  #registered: Promise<void> | undefined;
  #closing: Promise<void> | undefined;

  constructor(history: HistoryStore) {
    this.#history = history;
  }

  /** Records a run around `work`: COMPLETED when it resolves, FAILED with what it throws, which is thrown on. */
  async trackWorkflow<T>(
    name: string,
    options: TrackOptions,
    work: (run: TrackedRun) => Promise<T>,
  ): Promise<T> {
    if (this.#closing) {
      throw new SpineError(
        "STOPPED",
        `The tracker is closed; "${name}" was not recorded. Make another one.`,
        {
          retryable: false,
        },
      );
    }
    checkTrackOptions(options);
    checkArgument("work", work, aFunction, { of: "`trackWorkflow`" });
    const tracked = this.#track(name, options, work);
    this.#tracked.add(tracked);
    try {
      return await tracked;
    } finally {
      this.#tracked.delete(tracked);
    }
  }

  /**
   * Waits for the runs that are being tracked, then says that nobody records here any more. Never await it inside of
   * their work. When it fails, it can be called again.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close().catch((error: unknown) => {
      this.#closing = undefined;
      throw error;
    });
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    await Promise.allSettled(this.#tracked);
    // Nobody else can end them: given back, they would wait for a process that does their work.
    for (const run of this.#unended) await this.#end(run);
    if (this.#registered) await this.#history.beat(this.#worker, "gone");
  }

  #register(): Promise<void> {
    this.#registered ??= this.#history.beat(this.#worker, "alive").catch((error: unknown) => {
      // The next run tries again: the database may be there by then.
      this.#registered = undefined;
      throw error;
    });
    return this.#registered;
  }

  async #track<T>(name: string, options: TrackOptions, work: (run: TrackedRun) => Promise<T>): Promise<T> {
    await this.#register();
    const run = new Tracked(this.#history, { worker: this.#worker, token: 1 });
    await run.create(name, options);
    try {
      const result = await work(run);
      await this.#end(run);
      return result;
    } catch (error) {
      if (!this.#unended.has(run))
        await this.#end(run, SpineError.from(error).withContext({ workflow: name }));
      throw error;
    }
  }

  async #end(run: Tracked, error?: SpineError): Promise<void> {
    run.failure ??= error;
    this.#unended.add(run);
    await run.end();
    this.#unended.delete(run);
  }
}

class Tracked implements TrackedRun {
  readonly runId = newId();
  /** What its work has failed with. */
  failure: SpineError | undefined;
  readonly #history: HistoryStore;
  readonly #fence: Fence;
  readonly #attempts = new Map<string, number>();
  #metrics: Metrics = {};
  #output: string | undefined;
  /** What its alert says, should it fail. */
  #about = { workflow: "", domain: null as string | null, partition: null as Partition | null };
  #cancelled: string | undefined;

  constructor(history: HistoryStore, fence: Fence) {
    this.#history = history;
    this.#fence = fence;
  }

  async create(workflow: string, options: TrackOptions) {
    const { domain, partition, params = {}, triggeredBy = "tracker" } = options;
    const run = {
      runId: this.runId,
      workflow: checkText(workflow, "The name of a tracked workflow", LONGEST_NAME),
      domain: domain === undefined ? null : checkText(domain, "The `domain` of a tracked run", LONGEST_NAME),
      partition: checkPartition(partition ?? null, "of a tracked run"),
      tags: checkTags(options.tags),
      key: null,
      fingerprint: TRACKED,
      params: encodeJson(params, `the parameters of "${workflow}"`),
      paramsHash: createHash("sha256").update(canonicalJson(params)).digest("hex"),
      triggeredBy: checkText(triggeredBy, "The `triggeredBy` of a tracked run", LONGEST_NAME),
      parentRunId: null,
      worker: this.#fence.worker,
      availableAt: 0,
    };
    this.#about = run;
    await this.#history.commit([{ kind: "create", run, begun: [] }]);
  }

  async trackStep<T>(name: string, kind: string, work: (step: TrackedStep) => Promise<T>): Promise<T> {
    checkText(name, "The name of a tracked step", LONGEST_NAME);
    checkText(kind, "The kind of a tracked step", LONGEST_NAME);
    checkArgument("work", work, aFunction, { of: "`trackStep`" });
    const attempt = (this.#attempts.get(name) ?? 0) + 1;
    this.#attempts.set(name, attempt);
    await this.#commit({ begun: [{ name, kind, attempt }] });
    const step = new TrackedWork(name, attempt);
    try {
      const result = await work(step);
      await this.#commit({ ended: [step.end(null)], attachments: step.attachments });
      return result;
    } catch (error) {
      const failure = SpineError.from(error).withContext({ step: name, attempt });
      await this.#commit({ ended: [step.end(failure)], attachments: step.attachments });
      throw error;
    }
  }

  recordMetric(name: string, value: number | string): void {
    checkMetric(name, value, `of run ${this.runId}`);
    this.#metrics = { ...this.#metrics, [name]: value };
  }

  recordOutput(output: unknown): void {
    this.#output = encodeJson(output, `the output of run ${this.runId}`);
  }

  cancel(reason: string): void {
    this.#cancelled = reason;
  }

  async end(): Promise<void> {
    await this.#commit({ run: this.#change(this.failure ?? null), metrics: this.#metrics });
  }

  #change(error: SpineError | null): RunChange {
    const output = this.#output === undefined ? {} : { outputs: this.#output };
    if (this.#cancelled !== undefined) {
      const cancelled = new SpineError("RUN_CANCELLED", this.#cancelled);
      return { status: "CANCELLED", error: cancelled.toJSON(), ...output };
    }
    return error
      ? { status: "FAILED", error: error.toJSON(), ...output }
      : { status: "COMPLETED", ...output };
  }

  async #commit(change: Partial<Transition>): Promise<void> {
    const given = { ended: [], begun: [], attachments: [], ...change };
    const transition = withFailureAlert(given, { runId: this.runId, ...this.#about });
    const [outcome] = await this.#history.commit([
      { kind: "advance", runId: this.runId, fence: this.#fence, transition },
    ]);
    if (outcome?.result === "committed") return;
    throw new SpineError(
      "FENCED",
      `The tracked run ${this.runId} was ended by somebody else; nothing more is recorded.`,
      {
        context: { runId: this.runId },
      },
    );
  }
}

class TrackedWork implements TrackedStep {
  readonly #name: string;
  readonly #attempt: number;
  readonly attachments: Attachment[] = [];
  #rows: RowCounts | null = null;
  #output: string | null = null;
  #metrics: Metrics = {};
  #skipped = false;

  constructor(name: string, attempt: number) {
    this.#name = name;
    this.#attempt = attempt;
  }

  recordRecords(rows: number | RowCounts): void {
    this.#rows = checkRows(rows, this.#name);
  }

  recordOutput(output: unknown): void {
    this.#output = encodeJson(output, `the output of step "${this.#name}"`);
  }

  recordMetric(name: string, value: number | string): void {
    checkMetric(name, value, `of step "${this.#name}"`);
    this.#metrics = { ...this.#metrics, [name]: value };
  }

  recordQuality(results: readonly QualityResult[]): void {
    for (const result of checkQuality(results, this.#name)) {
      this.attachments.push({ kind: "quality", step: this.#name, result });
    }
  }

  skip(reason: string): void {
    this.#skipped = true;
    this.recordOutput({ skip_reason: reason });
  }

  end(error: SpineError | null): StepEnd {
    return {
      name: this.#name,
      attempt: this.#attempt,
      status: error ? "FAILED" : this.#skipped ? "SKIPPED" : "COMPLETED",
      output: this.#output,
      error: error?.toJSON() ?? null,
      rows: this.#rows,
      metrics: this.#metrics,
      retryAt: null,
    };
  }
}
