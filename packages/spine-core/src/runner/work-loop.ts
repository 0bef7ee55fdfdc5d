import type { Clock } from "../clock.ts";
import { textOf } from "../errors.ts";
import type { Logger } from "../logger.ts";

export interface WorkLoopOptions {
  /**
   * Takes what there is to do. Says whether there may be more right now, and when the next thing is due
   * (ms since the epoch; null when that is not known).
   */
  readonly take: () => Promise<{ readonly more: boolean; readonly nextAt: number | null }>;
  /** The longest wait between two looks, in milliseconds: the guarantee, whatever wake-up is lost. */
  readonly pollMs: () => number;
  readonly clock: Clock;
  readonly logger: Logger;
}

const AFTER_FAILURE_MS = 1_000;

/** Looks for work when it is woken, when something is due, and at the latest after `pollMs`; one look at a time. */
export class WorkLoop {
  readonly #options: WorkLoopOptions;
  #running = false;
  #looking: Promise<void> | undefined;
  /** Woken while it looked: what came in since may not have been seen. */
  #again = false;
  #stopTimer = () => {};

  constructor(options: WorkLoopOptions) {
    this.#options = options;
  }

  start(): void {
    this.#running = true;
    this.wake();
  }

  /** Resolves when the look under way, if any, is over. */
  async stop(): Promise<void> {
    this.#running = false;
    this.#stopTimer();
    await this.#looking;
  }

  wake(): void {
    if (!this.#running) return;
    this.#again = true;
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined;
      if (this.#again) this.wake();
    });
  }

  async #look(): Promise<void> {
    const { take, pollMs, clock, logger } = this.#options;
    this.#stopTimer();
    let wait = pollMs();
    try {
      // Drain: one wake-up may stand for many things to do.
      while (this.#again && this.#running) {
        this.#again = false;
        const began = clock.now();
        const { more, nextAt } = await take();
        const now = clock.now();
        // Also for what became due while it looked; what was due before and was not taken is in somebody's hands.
        if (more || (nextAt !== null && nextAt > began && nextAt <= now)) this.#again = true;
        if (nextAt !== null) wait = Math.min(pollMs(), Math.max(1, nextAt - now));
      }
    } catch (error) {
      this.#again = false;
      wait = Math.min(wait, AFTER_FAILURE_MS);
      // One that has been stopped does not try again; what it waited for was given up.
      if (this.#running)
        logger.error("Looking for work failed; it is tried again.", { error: textOf(error) });
    }
    if (this.#running) this.#stopTimer = clock.after(wait, () => this.wake());
  }
}
