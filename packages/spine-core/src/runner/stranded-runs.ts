import { SpineError, textOf } from "../errors.ts";
import type { Fence, HistoryStore } from "../history/history-store.ts";
import type { Logger } from "../logger.ts";

export interface StrandedRunsOptions {
  readonly history: Pick<HistoryStore, "commit">;
  readonly logger: Logger;
  /** A run is in its queue again. */
  readonly released: (runId: string) => void;
  /** Aborted when this process stops. */
  readonly signal: AbortSignal;
}

/** Runs that nobody here works on any more and that are still this process's in the history: to be given back to the queue. */
export class StrandedRuns {
  readonly #options: StrandedRunsOptions;
  readonly #fences = new Map<string, Fence>();

  constructor(options: StrandedRunsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#fences.size;
  }

  /** A run that could not be recorded; returns why. */
  add(runId: string, fence: Fence, error: unknown): SpineError {
    this.#fences.set(runId, fence);
    const known = SpineError.from(error, "RECORD_FAILED");
    const message = "A run cannot be recorded; it goes on from its last record once the database takes it.";
    this.#options.logger.error(message, { runId, error: known.message });
    return known.withContext({ runId });
  }

  /** A run that was found to be this process's (see UnattendedRuns). */
  addFound(runId: string, fence: Fence): void {
    if (this.has(runId, fence.token)) return;
    this.#fences.set(runId, fence);
    const message =
      "A run belongs to this process, which does not work on it: its claim or its start was not answered. It is given back.";
    this.#options.logger.warn(message, { runId });
  }

  has(runId: string, token: number): boolean {
    return this.#fences.get(runId)?.token === token;
  }

  /** Gives them back, as far as the database can be written; one that cannot be given back keeps no other. */
  async release(): Promise<void> {
    if (this.#fences.size === 0) return;
    await Promise.all([...this.#fences].map(([runId, fence]) => this.#release(runId, fence)));
  }

  async #release(runId: string, fence: Fence): Promise<void> {
    const { history, logger, released, signal } = this.#options;
    const run = { status: "PENDING" as const };
    const transition = { ended: [], begun: [], run, attachments: [] };
    try {
      await history.commit([{ kind: "advance", runId, fence, transition }], { signal });
    } catch (error) {
      if (signal.aborted) return;
      logger.warn("A run cannot be given back yet; it is tried again.", { runId, error: textOf(error) });
      return;
    }
    if (this.#fences.get(runId) === fence) this.#fences.delete(runId);
    released(runId);
  }
}
