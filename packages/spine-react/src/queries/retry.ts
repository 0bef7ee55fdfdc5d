import { SpineHttpError } from "spine-http/client";

/** How often a question is asked again before it counts as failed. */
const MOST = 3;
const FIRST_MS = 1_000;
const LONGEST_MS = 30_000;

/** Whether what failed may go well when it is tried again: no answer, a server in trouble, too many requests. */
export function isTransient(error: unknown): boolean {
  if (!(error instanceof SpineHttpError)) return true;
  return error.problem?.retryable ?? (error.status >= 500 || error.status === 429 || error.status === 408);
}

/** For `retry` of queries and mutations. */
export function retry(failures: number, error: Error): boolean {
  return failures < MOST && isTransient(error);
}

/** For `retryDelay`: twice as long after each failure, and not before the server asks for it (`Retry-After`). */
export function retryDelay(failures: number, error: Error): number {
  return backOff(FIRST_MS, failures, error);
}

/** How long to wait after so many failures, in ms: `first`, then twice as long each time, 30 s at most, unless `Retry-After` says more. */
export function backOff(first: number, failures: number, error: unknown): number {
  const asked = error instanceof SpineHttpError ? (error.retryAfter ?? 0) * 1_000 : 0;
  return Math.max(Math.min(first * 2 ** failures, LONGEST_MS), asked);
}
