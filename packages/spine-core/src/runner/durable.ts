import type { DatabaseTransaction } from "../database/database-transaction.ts";
import type { SpineError } from "../errors.ts";
import type { Attachment, CursorAttachment } from "../history/attachment.ts";
import type { Inbox, NewRun, Transition } from "../history/history-store.ts";
import type { Metrics, RowCounts } from "../history/records.ts";
import type { Plan } from "./plan.ts";

/** What an attempt of a step brought about, ready to be recorded. */
export interface StepResult {
  /** JSON text, checked. */
  readonly output: string;
  readonly rows: RowCounts | null;
  readonly metrics: Metrics;
  readonly attachments: readonly Attachment[];
  /** Set when the step ran to its end and its verdict is a failure (a quality gate). */
  readonly error: SpineError | null;
  /** Set when it did not run, because of its `when`. */
  readonly skipped?: boolean;
  /** Set, together with `skipped`, when the run ends here, COMPLETED, without the steps behind it: why. */
  readonly ends?: string;
  /** How far it has come, for the runs after this one: kept until the run is completed. */
  readonly cursors?: readonly CursorAttachment[];
  /** What a step that is made of others, or waits, found out; it goes on by that. */
  readonly plan?: Plan;
  /** The run that a pipeline starts: it exists once this is recorded. */
  readonly child?: NewRun;
}

/**
 * A result that is only known once its writes are made: `write` runs in the transaction in which the
 * result is then recorded, so that both commit together or not at all.
 */
export interface TransactionalResult {
  readonly write: (transaction: DatabaseTransaction) => Promise<StepResult>;
}

interface Attempt {
  readonly step: string;
  readonly attempt: number;
}

/** An attempt that was cut short. */
export interface Failed extends Attempt {
  readonly failure: SpineError;
}

/** How an attempt ended, before it is recorded. */
export type Settled = (Attempt & { readonly result: StepResult | TransactionalResult }) | Failed;

/** The same after its writes were made: what is recorded. */
export type Ended = (Attempt & { readonly result: StepResult }) | Failed;

/** An attempt under way, as the engine's own handle. */
export type Handle = Attempt;

/** What a run waits for besides its attempts. */
export interface Wake {
  /** When something is due (ms since the epoch); null for nothing. */
  readonly at: number | null;
  /** Whether messages may come that it waits for; `unread` when some may have come already. */
  readonly messages: "none" | "awaited" | "unread";
  /** The runs whose ends it waits for. */
  readonly children: readonly string[];
}

/** What happened first. */
export interface Raced {
  readonly settled: readonly Settled[];
  readonly inbox: Inbox | null;
  /** True when nothing happened for so long that the run had better leave memory. */
  readonly idle: boolean;
  /** Why the run cannot go on: what has come for it cannot be read. */
  readonly failure: SpineError | null;
}

/** What is recorded, and what has to be done before: children that are cancelled with what waits for them. */
export interface Planned {
  readonly transition: Transition;
  readonly cancelled: readonly string[];
}

/**
 * What an engine gives the interpreter: the own runner and outside engines implement it, and both drive the
 * same interpreter. Every promise is awaited in one place, one at a time (see `interpret.ts`).
 */
export interface Durable {
  /** Starts an attempt that has been recorded as begun. Never throws: a failure is a Settled. */
  step(attempt: Attempt, body: (signal: AbortSignal) => Promise<StepResult | TransactionalResult>): Handle;
  /** Stops an attempt whose end is recorded already: what it still brings about leads nowhere. */
  abandon(handle: Handle): void;
  /**
   * Resolves when at least one of the handles has settled (one with writes of its own comes alone), when the time has come, or
   * when there are messages.
   */
  race(handles: readonly Handle[], wake: Wake): Promise<Raced>;
  /**
   * Records what ended. `plan` says what follows from it; it is pure and may be called more than once, the
   * last call counts: when the writes of a TransactionalResult fail, that attempt has failed, and `plan` is
   * called again with the failure. Rejects with FENCED when the run belongs to somebody else.
   *
   * @returns those that are not recorded yet, because they do not go together: once the plan is applied, they are next.
   */
  record(
    settled: readonly Settled[],
    plan: (ended: readonly Ended[]) => Planned,
  ): Promise<readonly Settled[]>;
  /** Milliseconds since the epoch. */
  now(): number;
  /** A number in [0, 1), for the jitter of retries; an engine that replays gives the same one again. */
  random(): number;
}
