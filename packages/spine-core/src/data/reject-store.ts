import type { DatabaseTransaction } from "../database/database-transaction.ts";
import type { RejectQuery, StoredReject } from "./dataset.ts";

/**
 * What became of a refused row: nothing yet (OPEN), somebody has put it aside (DISCARDED), a run that has not ended drives it again
 * (REDRIVING), or one that completed has (REDRIVEN). Of a run that FAILED or was CANCELLED it is OPEN again.
 */
export const REJECT_STATES = ["OPEN", "DISCARDED", "REDRIVING", "REDRIVEN"] as const;
export type RejectState = (typeof REJECT_STATES)[number];

/** Why a reject was put aside, and by whom. */
export interface Discard {
  readonly reason: string;
  readonly by: string | null;
  /** ISO time in UTC. */
  readonly at: string;
}

/** A refused row with what became of it. */
export interface RejectRecord extends StoredReject {
  readonly state: RejectState;
  /** The run that drives it again, or has; null where there is none. */
  readonly redrivenBy: string | null;
  /** Null unless it is DISCARDED. */
  readonly discarded: Discard | null;
}

export interface RejectFilter extends RejectQuery {
  readonly code?: string;
  readonly state?: RejectState;
}

/** Which rejects of a step are meant: all, those of a reason, or those at these positions. */
export interface RejectChoice {
  readonly runId: string;
  /** The step's path. */
  readonly step: string;
  readonly code?: string;
  /** Positions among the rejects of the step (`index`). */
  readonly indexes?: readonly number[];
}

/**
 * What became of the rows that steps refused; the rows themselves come with their datasets. Conformance suite: `testRejectStore` in
 * `spine-core/testing`.
 */
export interface RejectStore {
  /** In the order in which they were met; `after` needs a step. */
  list(filter: RejectFilter): Promise<readonly RejectRecord[]>;
  /** Puts those that are OPEN aside; returns how many. */
  discard(choice: RejectChoice, discard: Omit<Discard, "at">): Promise<number>;
  /** Makes those that are DISCARDED OPEN again; returns how many. */
  restore(choice: RejectChoice): Promise<number>;
  /** Hands those that are OPEN to a run, in the transaction that creates it; returns how many. */
  take(choice: RejectChoice, runId: string, transaction: DatabaseTransaction): Promise<number>;
  /** How many rejects a run has, as this transaction sees it; they stay its until the transaction ends. */
  taken(runId: string, transaction: DatabaseTransaction): Promise<number>;
}
