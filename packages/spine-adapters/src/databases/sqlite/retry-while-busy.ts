import { setTimeout as delay } from "node:timers/promises";
import { isBusy, toSpineError } from "./sqlite-error.ts";

/** How long another process may hold the lock before the work is given up as DATABASE_BUSY. */
const LIMIT_MS = 30_000;
const LONGEST_PAUSE_MS = 25;

/**
 * Does synchronous work again until no other process has the database locked. SQLite's own busy timeout
 * would block the event loop; this waits with a timer.
 */
export async function retryWhileBusy<T>(work: () => T, path: string, limitMs = LIMIT_MS): Promise<T> {
  const start = performance.now();
  for (let pause = 1; ; pause = Math.min(pause * 2, LONGEST_PAUSE_MS)) {
    try {
      return work();
    } catch (error) {
      if (!isBusy(error)) throw error;
      if (performance.now() - start >= limitMs) throw toSpineError(error, path);
    }
    // Random, so that two processes do not meet again and again.
    await delay(pause * (0.5 + Math.random() / 2));
  }
}
