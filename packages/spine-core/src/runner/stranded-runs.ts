import { SpineError } from "../errors.ts";
import type { Fence, HistoryStore } from "../history/history-store.ts";
import type { Logger } from "../logger.ts";

export interface StrandedRunsOptions {
  readonly history: Pick<HistoryStore, "commit">;
  readonly logger: Logger;
  /** A run is in its queue again. */
  readonly released: (runId: string) => void;
}

/** Runs that could not be recorded: still this process's in the history, and to be given back to the queue. */
export class StrandedRuns {
  readonly #options: StrandedRunsOptions;
  readonly #fences = new Map<string, Fence>();

  constructor(options: StrandedRunsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#fences.size;
  }

  /** Returns why it could not be recorded. */
  add(runId: string, fence: Fence, error: unknown): SpineError {
    this.#fences.set(runId, fence);
    const known = SpineError.from(error, "RECORD_FAILED");
    const message = "A run cannot be recorded; it goes on from its last record once the database takes it.";
    this.#options.logger.error(message, { runId, error: known.message });
    return known.withContext({ runId });
  }

  /** Gives them back, as soon as the database can be written again. */
  async release(): Promise<void> {
    for (const [runId, fence] of this.#fences) {
      const run = { status: "PENDING" as const };
      const transition = { ended: [], begun: [], run, attachments: [] };
      await this.#options.history.commit([{ kind: "advance", runId, fence, transition }]);
      this.#fences.delete(runId);
      this.#options.released(runId);
    }
  }
}
