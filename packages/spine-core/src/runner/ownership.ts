import type { Clock } from "../clock.ts";
import { textOf } from "../errors.ts";
import type { HistoryStore } from "../history/history-store.ts";
import type { Logger } from "../logger.ts";
import { type ActiveRuns, takenAway } from "./active-runs.ts";

export interface OwnershipOptions {
  readonly history: Pick<HistoryStore, "glance">;
  readonly active: ActiveRuns;
  readonly pollMs: () => number;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Aborted when this process stops. */
  readonly signal: AbortSignal;
}

/** The shortest time between two looks that nobody asked for. */
const SHORTEST_POLL_MS = 1_000;

/**
 * Looks whether the runs at work here still belong to this process, and aborts those that do not: a step that goes on for
 * an hour would otherwise learn only at its end that its run was cancelled, or taken over. Those that got messages look
 * at them.
 */
export class Ownership {
  readonly #options: OwnershipOptions;
  #running = false;
  #looking: Promise<void> | undefined;
  #again = false;
  #stopTimer = () => {};

  constructor(options: OwnershipOptions) {
    this.#options = options;
  }

  start(): void {
    this.#running = true;
    this.#arm();
  }

  async stop(): Promise<void> {
    this.#running = false;
    this.#stopTimer();
    await this.#looking;
  }

  /** Looks now. */
  check(): void {
    this.#again = true;
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined;
      // Asked for after the last look had been made.
      if (this.#again && this.#running) this.check();
    });
  }

  #arm(): void {
    const { clock, pollMs } = this.#options;
    this.#stopTimer = clock.after(Math.max(SHORTEST_POLL_MS, pollMs()), () => {
      this.check();
      this.#arm();
    });
  }

  async #look(): Promise<void> {
    const { history, active, logger, signal } = this.#options;
    while (this.#again && this.#running) {
      this.#again = false;
      const runIds = active.ids();
      if (runIds.length === 0) return;
      try {
        for (const { runId, token, inbox } of await history.glance(runIds, { signal })) {
          const execution = active.of(runId);
          if (!execution) continue;
          // A smaller one was read before this process claimed the run anew.
          if (token > execution.token) active.abort(runId, execution, takenAway(runId));
          else if (inbox > execution.state.inbox) execution.message();
        }
      } catch (error) {
        if (signal.aborted) return;
        // Its fence keeps a run that is not ours any more from writing, whether this look succeeds or not.
        logger.warn("It cannot be seen whether runs still belong to this process.", { error: textOf(error) });
      }
    }
  }
}
