import type { Transition } from "../history/history-store.ts";
import type { DatabaseTransaction } from "../database/database.ts";
import type { SpineError } from "../errors.ts";
import type { Attachment } from "../history/attachment.ts";
import type { Metrics, RowCounts } from "../history/records.ts";

/** What one attempt of a step brought about. */
export interface StepResult {
  readonly output: unknown;
  readonly rows?: RowCounts;
  readonly metrics?: Metrics;
  readonly attachments?: readonly Attachment[];
}

/**
 * A result that is only known once its writes are made: `write` runs in the transaction in which the
 * result is then recorded, so that both commit together or not at all.
 */
export interface TransactionalResult {
  readonly write: (transaction: DatabaseTransaction) => Promise<StepResult>;
}

/** How an attempt ended, before it is recorded. */
export type Settled =
  | { readonly step: string; readonly attempt: number; readonly result: StepResult | TransactionalResult }
  | { readonly step: string; readonly attempt: number; readonly error: SpineError; readonly attachments?: readonly Attachment[] };

/** The same after its writes were made: what is recorded. */
export type Ended =
  | { readonly step: string; readonly attempt: number; readonly result: StepResult }
  | { readonly step: string; readonly attempt: number; readonly error: SpineError; readonly attachments?: readonly Attachment[] };

/** An attempt under way, as the engine's own handle. */
export interface Handle {
  readonly step: string;
}

/**
 * What an engine gives the interpreter: the own runner and outside engines implement it, and both drive the
 * same interpreter. Every promise here is awaited in one place, one at a time (see `interpret.ts`).
 */
export interface Durable {
  /** Starts an attempt that has been recorded as begun. Never rejects: a failure is a Settled. */
  step(name: string, attempt: number, body: () => Promise<StepResult | TransactionalResult>): Handle;
  /** Resolves when at least one of the handles has settled. */
  race(handles: readonly Handle[]): Promise<readonly Settled[]>;
  /**
   * Records what ended. `plan` says what follows from it; it is pure and may be called more than once: when
   * the writes of a TransactionalResult (or the recording itself) fail for one step, that step has failed,
   * and it is called again with the failure. Rejects with FENCED when the run belongs to somebody else.
   */
  record(settled: readonly Settled[], plan: (ended: readonly Ended[]) => Transition): Promise<void>;
  /** Milliseconds since the epoch. */
  now(): number;
}
