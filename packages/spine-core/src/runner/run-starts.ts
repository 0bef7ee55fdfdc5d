import { AsyncLocalStorage } from "node:async_hooks";
import { type Clock, within } from "../clock.ts";
import type { CallerTransaction } from "../database/caller-transaction.ts";
import { SpineError } from "../errors.ts";
import type { CommitResult, HistoryStore } from "../history/history-store.ts";
import type { RunDetail } from "../history/records.ts";
import type { Logger } from "../logger.ts";
import { isEncoded, notDecoded } from "../payload-codec.ts";
import type { WorkflowData } from "../workflow/workflow.ts";
import { checkItem, checkItems, checkRerunOptions, checkRunOptions } from "./check-start.ts";
import { keptCursors } from "./cursor-marks.ts";
import { inTransactionOfCaller, PendingStarts } from "./pending-starts.ts";
import { inheritedBy } from "./rerun.ts";
import type { RunResults } from "./run-results.ts";
import type { RerunOptions, RunHandle, RunItem, RunOptions } from "./runner.ts";
import { type NewRunPlan, planRun } from "./start-run.ts";

export interface RunStartsOptions {
  readonly history: HistoryStore;
  readonly results: RunResults;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The worker with which a run may begin at once; null where there is no place now. */
  readonly place: () => string | null;
  /** Called when a place that was taken for a start is free again, or has passed to its run. */
  readonly placeLeft: () => void;
  /** A run is stored: it begins here, or waits for somebody. */
  readonly stored: (workflow: WorkflowData, plan: NewRunPlan) => void;
  /** There may be something for whoever has a place free, here or in another process. */
  readonly queued: () => void;
  /** There may be something for this process: a run that is found may have waited for somebody who knows its workflow. */
  readonly wake: () => void;
  /** A start failed of a run that was to begin at once: it may exist all the same. */
  readonly unanswered: () => void;
}

/** How long a stop waits for starts under way: the database may be away. */
const PATIENCE_MS = 5_000;
/** How many runs of a batch are stored by one call. */
const BATCH = 1_000;

/** The starts of a process: one run, many, or one in a transaction of the host's. */
export class RunStarts {
  /** Runs are looked for in this context, not in that of their starter, who may be in a transaction. */
  readonly #outside = AsyncLocalStorage.snapshot();
  readonly #options: RunStartsOptions;
  /** Starts under way of runs that are to begin at once: each has a place. */
  readonly #placed = new Set<Promise<unknown>>();
  /** The runs that they store. */
  readonly #beginning = new Set<string>();
  readonly #pending: PendingStarts;

  constructor(options: RunStartsOptions) {
    this.#options = options;
    const { history, clock, logger, queued } = options;
    this.#pending = new PendingStarts({
      find: async (runIds) => (await history.glance(runIds)).map(({ runId }) => runId),
      onFound: queued,
      clock,
      logger,
    });
  }

  /** How many places are taken by starts under way. */
  get placed(): number {
    return this.#placed.size;
  }

  /** True while a run is being stored that begins at once. */
  begins(runId: string): boolean {
    return this.#beginning.has(runId);
  }

  async run(workflow: WorkflowData, params: unknown, options: RunOptions): Promise<RunHandle> {
    checkRunOptions(options);
    const { transaction } = options;
    const item = { params, ...options };
    if (transaction !== undefined) {
      return await this.#runIn(transaction, await this.#plan(workflow, item, null));
    }
    const worker = this.#options.place();
    if (worker === null) return await this.#start(workflow, item, null);
    // Its place is taken before anything is waited for, or many that start together would all see it free.
    const start = this.#start(workflow, item, worker).finally(() => {
      this.#placed.delete(start);
      this.#options.placeLeft();
    });
    this.#placed.add(start);
    return await start;
  }

  async runMany(workflow: WorkflowData, items: readonly RunItem[]): Promise<readonly RunHandle[]> {
    const { history, results, stored, queued } = this.#options;
    checkItems(items);
    const plans: NewRunPlan[] = [];
    for (const [index, item] of items.entries()) {
      const plan = await this.#planQueued(workflow, item).catch((error: unknown) => {
        throw SpineError.from(error).withContext({ item: index });
      });
      plans.push(plan);
    }
    const handles: RunHandle[] = [];
    const reused: SpineError[] = [];
    for (let from = 0; from < plans.length; from += BATCH) {
      const batch = plans.slice(from, from + BATCH);
      const outcomes = await history.commit(batch.map(({ commit }) => commit));
      for (const [index, plan] of batch.entries()) {
        const outcome = outcomes[index];
        try {
          handles.push(this.#existing(plan, outcome) ?? results.handle(plan.commit.run.runId, false));
          if (outcome?.result === "committed") stored(workflow, plan);
        } catch (error) {
          reused.push(SpineError.from(error).withContext({ item: from + index }));
        }
      }
      queued();
    }
    // What can be stored is: who calls again with the same keys finds it.
    if (reused[0]) throw reused[0];
    return handles;
  }

  /** Starts a run that repeats another one; queued, with the results that it has from that. */
  async rerun(workflow: WorkflowData, detail: RunDetail, options: RerunOptions): Promise<RunHandle> {
    return await this.#store(workflow, await this.repeat(workflow, detail, options));
  }

  /** Plans such a run. */
  async repeat(workflow: WorkflowData, detail: RunDetail, options: RerunOptions): Promise<NewRunPlan> {
    checkRerunOptions(options);
    const { run: repeated } = detail;
    const { runId } = repeated;
    const { params = repeated.params, from, ...others } = options;
    if (options.params === undefined && isEncoded(repeated.params)) {
      throw notDecoded().withContext({ runId, workflow: workflow.name });
    }
    // What it is found by, and how urgent it is, stays what it was.
    const { tags, priority } = repeated;
    const { commit, state } = await this.#plan(workflow, { params, tags, priority, ...others }, null);
    const inherited = inheritedBy(detail, workflow, from);
    const kept = new Set(inherited.map(({ name }) => name));
    const checkpoints =
      kept.size === 0
        ? []
        : keptCursors(await this.#options.history.checkpoints(runId), (step) =>
            kept.has(step.split("/")[0] ?? step),
          );
    const run = { ...commit.run, rerunOf: runId };
    return { commit: { ...commit, run, inherited, checkpoints }, state };
  }

  /** Stores a planned run by a commit of the caller's, which may change more than that. */
  storeBy(
    workflow: WorkflowData,
    plan: NewRunPlan,
    commit: () => Promise<CommitResult | undefined>,
  ): Promise<RunHandle> {
    return this.#store(workflow, plan, commit);
  }

  /** Looks once more for runs that were started in transactions of the host's, then no more. */
  async stopLooking(): Promise<void> {
    await this.#pending.stop();
  }

  /** Resolves when no start has a place any more, or has taken too long. */
  async settled(): Promise<void> {
    if (this.#placed.size > 0) await within(PATIENCE_MS, Promise.allSettled(this.#placed));
  }

  async #start(workflow: WorkflowData, item: RunItem, worker: string | null): Promise<RunHandle> {
    return await this.#store(workflow, await this.#plan(workflow, item, worker));
  }

  async #store(
    workflow: WorkflowData,
    plan: NewRunPlan,
    commit = async () => (await this.#options.history.commit([plan.commit]))[0],
  ): Promise<RunHandle> {
    const { results, stored, queued, unanswered } = this.#options;
    const { runId, worker } = plan.commit.run;
    if (worker !== null) this.#beginning.add(runId);
    try {
      const outcome = await commit().catch((error: unknown) => {
        if (worker !== null) unanswered();
        throw error;
      });
      const existing = this.#existing(plan, outcome);
      if (outcome?.result === "debounced") queued();
      if (existing) return existing;
      stored(workflow, plan);
      if (worker === null) queued();
      return results.handle(runId, false);
    } finally {
      this.#beginning.delete(runId);
    }
  }

  /** Stores a run in a transaction of the host's: nobody is told, and nobody looks for it in that transaction. */
  async #runIn(transaction: CallerTransaction, plan: NewRunPlan): Promise<RunHandle> {
    const { history, results } = this.#options;
    const [outcome] = await history.createIn(transaction, [plan.commit]);
    const existing = this.#existing(plan, outcome);
    if (existing) return inTransactionOfCaller(existing);
    const { runId } = plan.commit.run;
    this.#outside(() => this.#pending.add(runId));
    return inTransactionOfCaller(results.handle(runId, false));
  }

  /** One of many. */
  async #planQueued(workflow: WorkflowData, item: RunItem): Promise<NewRunPlan> {
    checkItem(item);
    if ((item as RunOptions).transaction === undefined) return await this.#plan(workflow, item, null);
    throw new SpineError(
      "TRANSACTION_INVALID",
      "`runMany` cannot start runs in a transaction of yours. Start them one by one there: `run(workflow, params, { transaction })`.",
    );
  }

  #plan(workflow: WorkflowData, { params, ...options }: RunItem, worker: string | null): Promise<NewRunPlan> {
    return planRun(workflow, params, options, worker, this.#options.clock);
  }

  /** The run that takes the place of a new one: one with its key, or one that it was debounced into; undefined where there is none. */
  #existing({ commit }: NewRunPlan, outcome: CommitResult | undefined): RunHandle | undefined {
    const { results, wake } = this.#options;
    if (outcome?.result === "debounced") return results.handle(outcome.runId, true);
    if (outcome?.result !== "duplicate") return undefined;
    const { workflow, key, paramsHash } = commit.run;
    if (outcome.paramsHash === paramsHash) {
      wake();
      return results.handle(outcome.runId, true);
    }
    throw new SpineError(
      "KEY_REUSED",
      `The key "${key}" of "${workflow}" belongs to run ${outcome.runId}, which has other parameters. Use another key, or the same parameters.`,
      { context: { runId: outcome.runId } },
    );
  }
}
