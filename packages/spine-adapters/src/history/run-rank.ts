import type { NewRun } from "spine-core";

// A rank says which runs stand in one line, and which line goes first: the smaller one. It holds the priority, and
// below it what a limit may depend on, so that runs that are held back never stand in front of others in a line:
// bit 1, the run has begun (by a claim); bit 0, it counts to a concurrency key.

/** Set in the rank of a run by the claim with which it first begins. */
export const BEGUN = 2;
const KEYED = 1;
/** How far to shift a rank to the right for the part that orders runs. */
export const RANK_SHIFT = 2;

/** The rank of a new run that waits. */
function rankOf({ queue, priority = 0, concurrencyKey }: NewRun): number {
  // 0 minus: no -0 for no priority.
  return 0 - priority * 4 + (queue && concurrencyKey != null ? KEYED : 0);
}

/** What is stored of where a run stands: `queue`, `rank` and `concurrency_key`; nothing where these are their defaults. */
export function queueCells(run: NewRun): readonly (string | number | null)[] {
  const rank = rankOf(run);
  const { queue = null, concurrencyKey = null } = run;
  return queue === null && rank === 0 && concurrencyKey === null ? [] : [queue ?? "", rank, concurrencyKey];
}

export function priorityOf(rank: number): number {
  return 0 - (rank >> RANK_SHIFT);
}

/** True for a run whose first beginning was a claim. */
export function isBegun(rank: number): boolean {
  return (rank & BEGUN) !== 0;
}

/** True for a run that counts to a concurrency key. */
export function isKeyed(rank: number): boolean {
  return (rank & KEYED) !== 0;
}
