import type { DatabaseTransaction } from "../database/database-transaction.ts";
import type { SpineError } from "../errors.ts";
import type { Attachment } from "../history/attachment.ts";
import type { Transition } from "../history/history-store.ts";
import type { Metrics, RowCounts } from "../history/records.ts";

/** What an attempt of a step brought about, ready to be recorded. */
export interface StepResult {
  /** JSON text, checked. */
  readonly output: string;
  readonly rows: RowCounts | null;
  readonly metrics: Metrics;
  readonly attachments: readonly Attachment[];
  /** Set when the step ran to its end and its verdict is a failure (a quality gate). */
  readonly error: SpineError | null;
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

/**
 * What an engine gives the interpreter: the own runner and outside engines implement it, and both drive the
 * same interpreter. Every promise is awaited in one place, one at a time (see `interpret.ts`).
 */
export interface Durable {
  /** Starts an attempt that has been recorded as begun. Never throws: a failure is a Settled. */
  step(attempt: Attempt, body: () => Promise<StepResult | TransactionalResult>): Handle;
  /** Resolves when at least one of the handles has settled; one with writes of its own comes alone. */
  race(handles: readonly Handle[]): Promise<readonly Settled[]>;
  /**
   * Records what ended. `plan` says what follows from it; it is pure and may be called more than once, the
   * last call counts: when the writes of a TransactionalResult fail, that attempt has failed, and `plan` is
   * called again with the failure. Rejects with FENCED when the run belongs to somebody else.
   */
  record(settled: readonly Settled[], plan: (ended: readonly Ended[]) => Transition): Promise<void>;
  /** Milliseconds since the epoch. */
  now(): number;
  /** A number in [0, 1), for the jitter of retries; an engine that replays gives the same one again. */
  random(): number;
}
