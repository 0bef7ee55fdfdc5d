import { checkText } from "../check-text.ts";
import { SpineError } from "../errors.ts";
import { shown } from "../shown.ts";

/** How often something may be done, counted under a name that all who share the limit use. */
export interface RateBudget {
  /** What the limit is kept under, e.g. the host: 1 to 200 characters. */
  readonly name: string;
  /** So many… */
  readonly limit: number;
  /** …within any stretch of time of this length, in milliseconds. */
  readonly perMs: number;
  /** How many of them this one counts for; 1 when left out. */
  readonly cost?: number;
  /**
   * How many may be done at once after a quiet time; 1 when left out: they are spread evenly. A larger one costs steady
   * speed, because no stretch of `perMs` may ever hold more than `limit`: (limit − burst + 1) per `perMs` remain.
   */
  readonly burst?: number;
  /** Nothing is taken when the wait is longer than this, in milliseconds; for ever when left out. */
  readonly upToMs?: number;
}

/**
 * Counts what is done against limits that processes share. Conformance suite: `testRateBudgets` in `spine-core/testing`.
 *
 * `take` answers how many milliseconds to wait before the request may be sent. Its place is taken, whoever asks next gets
 * a later one; unless the wait is longer than `upToMs`: then nothing was taken, and asking again after that time is
 * likely to succeed. Time is that of the database.
 */
export interface RateBudgets {
  take(budget: RateBudget): Promise<number>;
}

/** A budget in the numbers of the generic cell rate algorithm, all in milliseconds. */
export interface RateCell {
  readonly name: string;
  /** What a request adds to the time at which all before it would be paid for. */
  readonly incrementMs: number;
  /** How far ahead of the clock that time may be. */
  readonly toleranceMs: number;
  readonly upToMs: number;
}

/** Longer than any wait: a number that databases store as it is. */
const FOR_EVER_MS = 1e15;

/** The budget as a cell; CONFIG_INVALID that names the field for one that makes no sense. */
export function rateCell(budget: RateBudget): RateCell {
  const { name, limit, perMs, cost = 1, burst = 1, upToMs = FOR_EVER_MS } = budget;
  checkText(name, "The name of a rate budget", 200, "CONFIG_INVALID");
  if (name === "") throw refusal("name", "is a text that is not empty", name);
  for (const [field, value] of Object.entries({ limit, cost, burst })) {
    if (!Number.isSafeInteger(value) || value < 1) throw refusal(field, "is a whole number from 1", value);
  }
  if (!Number.isFinite(perMs) || perMs <= 0) throw refusal("perMs", "is a time in milliseconds", perMs);
  if (burst > limit) throw refusal("burst", "is no more than `limit`", burst);
  if (typeof upToMs !== "number" || !(upToMs >= 0))
    throw refusal("upToMs", "is a time in milliseconds", upToMs);
  const each = perMs / (limit - burst + 1);
  return {
    name,
    incrementMs: each * cost,
    toleranceMs: each * (burst - 1),
    upToMs: Math.min(upToMs, FOR_EVER_MS),
  };
}

function refusal(field: string, must: string, value: unknown): SpineError {
  return new SpineError(
    "CONFIG_INVALID",
    `Rate budget: \`${field}\` ${must}; ${shown(value)} cannot be one.`,
  );
}

/** What a take does to the time (ms) up to which all is paid for. Stores do the same in one statement. */
export function takeFrom(
  { incrementMs, toleranceMs, upToMs }: RateCell,
  paidUntil: number,
  now: number,
): { readonly paidUntil: number; readonly waitMs: number } {
  const waitMs = Math.max(0, paidUntil - toleranceMs - now);
  return { waitMs, paidUntil: waitMs <= upToMs ? Math.max(paidUntil, now) + incrementMs : paidUntil };
}

/** Budgets that count within this process only: for a source that is read without a Spine. */
export function processBudgets(now: () => number = () => performance.now()): RateBudgets {
  const paid = new Map<string, number>();
  return {
    async take(budget) {
      const cell = rateCell(budget);
      const at = now();
      const { paidUntil, waitMs } = takeFrom(cell, paid.get(cell.name) ?? at, at);
      paid.set(cell.name, paidUntil);
      return waitMs;
    },
  };
}
