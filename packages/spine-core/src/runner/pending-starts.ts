import type { Clock } from "../clock.ts";
import { SpineError, textOf } from "../errors.ts";
import type { Logger } from "../logger.ts";
import type { RunHandle } from "./runner.ts";

export interface PendingStartsOptions {
  /** Which of these runs exist by now. */
  readonly find: (runIds: readonly string[]) => Promise<readonly string[]>;
  /** Some of them do. */
  readonly onFound: () => void;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** When a run is looked for, in milliseconds after its start. What commits later is found by the poll of whoever works. */
const LOOKS_MS = [10, 30, 100, 300, 1_000, 3_000, 10_000, 30_000] as const;
/** Looks are no nearer to each other, however many runs are started. */
const APART_MS = 10;

/**
 * Runs that were started in transactions of the host's own. Nobody says when those commit, so the runs are looked for, a
 * few times within the next half minute: all that are missing with one query.
 */
export class PendingStarts {
  readonly #options: PendingStartsOptions;
  /** When each of them was started. */
  readonly #missing = new Map<string, number>();
  #lookedAt = Number.NEGATIVE_INFINITY;
  #nextAt = Number.POSITIVE_INFINITY;
  #stopTimer = () => {};
  #looking: Promise<void> | undefined;

  constructor(options: PendingStartsOptions) {
    this.#options = options;
  }

  /** Looks for a run from now on. */
  add(runId: string): void {
    this.#missing.set(runId, this.#options.clock.now());
    if (!this.#looking) this.#arm();
  }

  /** Looks once more for what is missing, then for nothing any more. */
  async stop(): Promise<void> {
    this.#stopTimer();
    await this.#looking;
    if (this.#missing.size > 0) await this.#look();
    this.#missing.clear();
    this.#stopTimer();
    this.#nextAt = Number.POSITIVE_INFINITY;
  }

  #arm(): void {
    const { clock } = this.#options;
    let next = Number.POSITIVE_INFINITY;
    for (const startedAt of this.#missing.values()) next = Math.min(next, this.#dueAt(startedAt));
    next = Math.max(next, this.#lookedAt + APART_MS);
    if (next === this.#nextAt) return;
    this.#stopTimer();
    this.#nextAt = next;
    if (next === Number.POSITIVE_INFINITY) return;
    this.#stopTimer = clock.after(Math.max(1, next - clock.now()), () => {
      this.#looking ??= this.#look().finally(() => {
        this.#looking = undefined;
        this.#arm();
      });
    });
  }

  /** When a run that was started then is looked for next; never once all its looks are over. */
  #dueAt(startedAt: number): number {
    for (const after of LOOKS_MS) if (startedAt + after > this.#lookedAt) return startedAt + after;
    return Number.POSITIVE_INFINITY;
  }

  async #look(): Promise<void> {
    const { find, onFound, clock, logger } = this.#options;
    this.#nextAt = Number.POSITIVE_INFINITY;
    this.#lookedAt = clock.now();
    const asked = [...this.#missing.keys()];
    try {
      const found = await find(asked);
      for (const runId of found) this.#missing.delete(runId);
      if (found.length > 0) onFound();
    } catch (error) {
      logger.error("Looking for runs that were started in transactions failed; it is tried again.", {
        error: textOf(error),
      });
    }
    for (const runId of asked) {
      const startedAt = this.#missing.get(runId);
      if (startedAt !== undefined && this.#dueAt(startedAt) === Number.POSITIVE_INFINITY)
        this.#missing.delete(runId);
    }
  }
}

/** A handle on a run that exists once its transaction has been committed, and says so where it does not. */
export function inTransactionOfCaller(handle: RunHandle): RunHandle {
  return {
    ...handle,
    async result() {
      try {
        return await handle.result();
      } catch (error) {
        if (!SpineError.is(error) || error.code !== "RUN_NOT_FOUND") throw error;
        throw new SpineError(
          "RUN_NOT_FOUND",
          `There is no run ${handle.id} (yet): it was started in a transaction of yours, and exists once that has been committed. Ask for its result after the commit; if it was rolled back, there is none.`,
          { context: { runId: handle.id }, cause: error },
        );
      }
    },
  };
}
