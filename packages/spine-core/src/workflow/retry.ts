import { type Duration, toMs } from "../duration.ts";
import { SpineError } from "../errors.ts";

/** When a failed attempt is repeated. Only errors whose `retryable` is true are; the category decides that. */
export interface RetryPolicy {
  /** Attempts in all, the first included. */
  readonly attempts?: number;
  /** The wait before the second attempt; doubles each time. */
  readonly delay?: Duration;
  /** The longest wait between two attempts. */
  readonly maxDelay?: Duration;
}

/** What another side asks for is respected up to a year. */
const LONGEST_WAIT_MS = 365 * 86_400_000;

const DEFAULTS = { attempts: 3, delay: "1s", maxDelay: "1m" } as const;

/**
 * The wait before the next attempt in milliseconds, or null when there is none. Exponential with jitter
 * (between half and the whole of the step), never shorter than what the other side asked for.
 *
 * @param failures how many attempts of the step have failed so far, this one included.
 * @param random a number in [0, 1).
 */
export function retryDelay(
  policy: RetryPolicy | null,
  error: SpineError,
  failures: number,
  random: number,
): number | null {
  const { attempts, delay, maxDelay } = { ...DEFAULTS, ...policy };
  if (!error.retryable || failures >= attempts) return null;
  const step = Math.min(toMs(delay) * 2 ** (failures - 1), toMs(maxDelay));
  const wait = Math.max(Math.round(step * (0.5 + random / 2)), error.retryAfterMs ?? 0);
  return Math.min(wait, LONGEST_WAIT_MS);
}

/** Refuses a policy that makes no sense, when the workflow is defined. */
export function checkRetryPolicy(policy: RetryPolicy): void {
  if (policy.attempts !== undefined && !(Number.isInteger(policy.attempts) && policy.attempts >= 1)) {
    throw new SpineError(
      "WORKFLOW_INVALID",
      `retry.attempts is ${policy.attempts}; it must be a whole number from 1.`,
    );
  }
  if (policy.delay !== undefined) toMs(policy.delay);
  if (policy.maxDelay !== undefined) toMs(policy.maxDelay);
}
