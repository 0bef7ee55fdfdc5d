import { setTimeout as delay } from "node:timers/promises";
import type { Clock } from "../clock.ts";
import type { StateStores } from "../database/database.ts";
import { type Duration, toMs } from "../duration.ts";
import { SpineError, textOf } from "../errors.ts";
import type { Logger } from "../logger.ts";

/** What is removed when, by the processes that work. */
export interface RetentionPolicy {
  /**
   * How long a run is kept after its end, e.g. `"90d"`; an hour at least. With it go its steps, events, quality results
   * and datasets. So old are the ticks of schedules that are removed. What it loaded stays, and so do the records of loads and partitions.
   */
  readonly runs: Duration;
}

export interface RetentionOptions {
  readonly policy: RetentionPolicy;
  readonly stores: Pick<StateStores, "history" | "datasets" | "schedules">;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Between two sweeps; each process takes a different time, so that they do not meet again and again. */
const SWEEP_MS = 3_600_000;
const LEAST_MS = 3_600_000;
/** Removed in one database commit. */
const BATCH = 100;
/** Between two batches: others come first. */
const PAUSE_MS = 50;

/**
 * Removes old runs, in small batches. Any number of processes may do so at once: a store removes only runs that have
 * ended, each once, and a sweep that was cut off is finished by the next one, whoever makes it.
 */
export class Retention {
  readonly #options: RetentionOptions;
  readonly #keepMs: number;
  #controller: AbortController | undefined;
  #done: Promise<void> | undefined;

  constructor(options: RetentionOptions) {
    this.#options = options;
    this.#keepMs = checkRetention(options.policy);
  }

  start(): void {
    if (this.#controller) return;
    this.#controller = new AbortController();
    this.#done = this.#work(this.#controller.signal);
  }

  /** Resolves when the batch under way is over. */
  async stop(): Promise<void> {
    this.#controller?.abort();
    await this.#done;
    this.#controller = undefined;
  }

  async #work(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.sweep(signal);
      } catch (error) {
        const message = "Removing old runs failed; it is tried again.";
        if (!signal.aborted) this.#options.logger.warn(message, { error: textOf(error) });
      }
      await pause(SWEEP_MS * (0.5 + Math.random()), signal);
    }
  }

  /** Removes all that is too old by now; how many runs that were. */
  async sweep(signal: AbortSignal): Promise<number> {
    const { stores, clock, logger } = this.#options;
    const before = clock.now() - this.#keepMs;
    const runs = await inBatches(signal, async () => {
      const removed = await stores.history.prune({ before, limit: BATCH });
      return removed.length;
    });
    // Afterwards, and by what is missing: nobody can retry a run that is gone, and whoever was cut off in between left
    // datasets behind that are found all the same.
    const datasets = await inBatches(signal, () => stores.datasets.prune({ before, limit: BATCH }));
    const ticks = await inBatches(signal, () => stores.schedules.prune({ before, limit: BATCH }));
    if (runs + datasets + ticks > 0) logger.info("Old runs were removed.", { runs, datasets, ticks });
    return runs;
  }
}

/** How long runs are kept, in milliseconds. @throws SpineError CONFIG_INVALID for a time that is none, or too short. */
export function checkRetention({ runs }: RetentionPolicy): number {
  const keepMs = toMs(runs);
  if (keepMs >= LEAST_MS) return keepMs;
  throw new SpineError(
    "CONFIG_INVALID",
    `Retention would remove runs ${keepMs} ms after their end, before anybody could read them. Keep them an hour at least, e.g. { runs: "90d" }.`,
  );
}

async function inBatches(signal: AbortSignal, remove: () => Promise<number>): Promise<number> {
  let sum = 0;
  while (!signal.aborted) {
    const removed = await remove();
    sum += removed;
    if (removed < BATCH) break;
    await pause(PAUSE_MS, signal);
  }
  return sum;
}

/** A wait that ends early when it is no use any more, and keeps no process alive. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal, ref: false }).catch(() => {});
}
