import { SpineHttpError } from "spine-http/client";

/** How often a question is asked again before it counts as failed. */
const MOST = 3;
const FIRST_MS = 1_000;
const LONGEST_MS = 30_000;
/** However long it is asked for: timers of browsers run out at once where it is more than 24 days. */
const LONGEST_ASKED_MS = 3_600_000;

/** Whether what failed may go well when it is tried again: no answer, or none of the API's, a server in trouble, too many requests. */
export function isTransient(error: unknown): boolean {
  if (!(error instanceof SpineHttpError)) return true;
  const { problem, status } = error;
  return problem?.retryable ?? (status < 400 || status >= 500 || status === 429 || status === 408);
}

/** For `retry` of queries and mutations. */
export function retry(failures: number, error: Error): boolean {
  return failures < MOST && isTransient(error);
}

/** For `retryDelay`: twice as long after each failure, and not before the server asks for it (`Retry-After`). */
export function retryDelay(failures: number, error: Error): number {
  return backOff(FIRST_MS, failures, error);
}

/** How long to wait after so many failures, in ms: `first`, then twice as long each time, 30 s at most, unless `Retry-After` says more, an hour at most. */
export function backOff(first: number, failures: number, error: unknown): number {
  const asked = error instanceof SpineHttpError ? (error.retryAfter ?? 0) * 1_000 : 0;
  return Math.max(Math.min(first * 2 ** failures, LONGEST_MS), Math.min(asked, LONGEST_ASKED_MS));
}
