import type { CallerTransaction } from "../database/caller-transaction.ts";
import type { Duration } from "../duration.ts";
import type { SpineError } from "../errors.ts";
import type { RunDetail } from "../history/records.ts";
import type { RunFilter } from "../history/run-query.ts";
import type { WorkflowData } from "../workflow/workflow.ts";

export interface RunOptions {
  /**
   * Idempotency key: a second start of the same workflow with the same key and params finds the first run;
   * with other params it is refused (KEY_REUSED).
   */
  readonly key?: string;
  /** Whose key it is, e.g. a tenant's id: the same key in another scope is another run. 200 characters at most. */
  readonly scope?: string;
  /** Who or what started it; `api` when left out. */
  readonly triggeredBy?: string;
  /** To find it by; up to 20 texts of up to 100 characters. Runs that it starts do not inherit them. */
  readonly tags?: readonly string[];
  /** The run that this one is a child of. */
  readonly parentRunId?: string;
  /** The queue that it stands in instead of its workflow's: 1 to 100 letters, digits, `.`, `_` and `-`. */
  readonly queue?: string;
  /** A whole number from -100 to 100, 0 when left out: of runs that wait, those with a higher one begin first. */
  readonly priority?: number;
  /** Where its queue has a `keyConcurrency`: whose place it takes, e.g. a customer's id. 200 characters at most. */
  readonly concurrencyKey?: string;
  /** How long it waits before it may begin: milliseconds, or a text such as `"30s"`. Not together with `startAt`. */
  readonly delay?: Duration;
  /** How long it may take from its start to its end; it fails with RUN_DEADLINE then, also when it is paused. The workflow's own when left out. */
  readonly deadline?: Duration;
  /**
   * Starts that come while a run with this debounce key waits change that one (to their parameters) instead of making
   * another, and it begins once `wait` has passed without one, at the latest `longest` after the first. Not together with `key`.
   */
  readonly debounce?: Debounce;
  /** When it may begin: a Date, or an ISO text with its zone (`2026-01-05T09:00:00Z`). At once when that is over. */
  readonly startAt?: Date | string;
  /**
   * Starts it in a transaction of yours, on the database that Spine is in: the run is queued, exists once you commit, and not
   * at all if you roll back. Ask for its result after the commit.
   *
   * @example
   * const run = await kysely.transaction().execute(async (transaction) => {
   *   await transaction.insertInto("orders").values(order).execute();
   *   return await spine.run(invoice, { order: order.id }, { transaction, key: order.id });
   * });
   */
  readonly transaction?: CallerTransaction;
}

export interface Debounce {
  /** 200 characters at most. */
  readonly key: string;
  readonly wait: Duration;
  readonly longest?: Duration;
}

/** One run of a batch; a transaction of the caller's takes them one by one, with `run`. */
export interface RunItem extends Omit<RunOptions, "transaction"> {
  readonly params: unknown;
}

/** How a run is repeated: as a new run, linked to the one that it repeats. */
export interface RerunOptions
  extends Pick<RunOptions, "key" | "scope" | "triggeredBy" | "tags" | "queue" | "priority" | "deadline"> {
  /** The parameters of the new run, those of the repeated one when left out. */
  readonly params?: unknown;
  /** The step that it begins with: what stands before it keeps its results. All steps run anew when left out. */
  readonly from?: string;
}

/** What can be done to a run from outside. */
export const CONTROLS = ["cancel", "pause", "resume", "retry"] as const;
export type Control = (typeof CONTROLS)[number];

/** Which runs, how many of them there have to be, and what was asked for. */
export interface BulkOptions {
  /** How many runs the filter has to find: another number changes nothing (RUN_CONFLICT). */
  readonly expect: number;
}

/** What a bulk control did. */
export interface BulkResult {
  /** Ids of the runs that were changed. */
  readonly changed: readonly string[];
  /** Runs that were found and had gone on meanwhile, so that it could not be done to them. */
  readonly refused: readonly { readonly runId: string; readonly error: SpineError }[];
}

/** A run that was started, or found by its key. */
export interface RunHandle {
  readonly id: string;
  /** True when an earlier start with the same key made it. */
  readonly existing: boolean;
  /** The outputs by step name, once COMPLETED; rejects with the run's error when it ends otherwise. */
  result(): Promise<Readonly<Record<string, unknown>>>;
  /**
   * The run as it stands, and again after each change until it has ended, wherever it is at work; changes that come faster
   * than they are taken are told as one. Leave the loop to stop watching.
   */
  watch(): AsyncIterable<RunDetail>;
}

/**
 * What hosts call to have workflows run. Implementations: the own engine (`durable-runner.ts`) and outside
 * engines; all record into the same history.
 */
export interface Runner {
  /** Begins to work on runs, those that were left behind included. */
  start(): Promise<void>;
  /** Lets go of what is under way; it goes on elsewhere, or at the next start. */
  stop(): Promise<void>;
  /** Starts a run. Durable when it resolves; params that do not fit are refused before anything is stored. */
  run(workflow: WorkflowData, params: unknown, options?: RunOptions): Promise<RunHandle>;
  /** Starts many runs of a workflow, all of them queued. When the parameters of one do not fit, none is stored. */
  runMany(workflow: WorkflowData, items: readonly RunItem[]): Promise<readonly RunHandle[]>;
  get(runId: string): Promise<RunDetail>;
  /** A handle on a run that was started earlier, or elsewhere. */
  attach(runId: string): Promise<RunHandle>;
  /**
   * Does something to a run: `cancel` ends it, with the runs that its steps wait for, once what is to be undone is; `pause`
   * stops it (what is under way begins again at `resume`, from its checkpoints); `retry` goes on with a FAILED or CANCELLED
   * one at the step that failed. RUN_CONFLICT when it is in no status for that.
   */
  control(runId: string, control: Control): Promise<void>;
  /** The same for all runs of a filter, if it finds as many as were expected. */
  controlAll(filter: RunFilter, control: Control, options: BulkOptions): Promise<BulkResult>;
  /** Starts a new run with the parameters of another, or others, and the results of its first steps. */
  rerun(runId: string, options?: RerunOptions): Promise<RunHandle>;
  /** Sends a run a message, kept until a step takes it. Sent again with the same `id`, it is one message. */
  signal(runId: string, name: string, payload?: unknown, id?: string): Promise<void>;
}
