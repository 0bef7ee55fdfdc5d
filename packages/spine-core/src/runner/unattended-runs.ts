import type { Clock } from "../clock.ts";
import { textOf } from "../errors.ts";
import type { HistoryStore, RunGlance } from "../history/history-store.ts";
import type { Logger } from "../logger.ts";

export interface UnattendedRunsOptions {
  readonly history: Pick<HistoryStore, "owned">;
  readonly worker: string;
  /** True for a run that somebody here works on, or is about to. */
  readonly isAttended: (runId: string, token: number) => boolean;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Aborted when this process stops. */
  readonly signal: AbortSignal;
}

/** How often it is looked where nothing has failed. */
const SELDOM_MS = 60_000;

/**
 * Runs that are this process's in the history while nobody here works on them: what made them so was not answered, or was
 * answered and then failed. This process lives, so nobody else would ever take them.
 */
export class UnattendedRuns {
  readonly #options: UnattendedRunsOptions;
  #isSuspected = false;
  #lookedAt: number;

  constructor(options: UnattendedRunsOptions) {
    this.#options = options;
    this.#lookedAt = options.clock.now();
  }

  /** Something failed that may have given this process a run: it is looked soon. */
  suspect(): void {
    this.#isSuspected = true;
  }

  /** Looks, where something failed or nobody has looked for long. Not to be called while a claim is under way. */
  async find(): Promise<readonly RunGlance[]> {
    const { clock, logger } = this.#options;
    if (!this.#isSuspected && clock.now() - this.#lookedAt < SELDOM_MS) return [];
    this.#isSuspected = false;
    this.#lookedAt = clock.now();
    try {
      return await this.look(async () => {});
    } catch (error) {
      this.#isSuspected = true;
      const message = "It cannot be seen which runs belong to this process; it is looked again.";
      logger.warn(message, { error: textOf(error) });
      return [];
    }
  }

  /**
   * Looks now, and once more where something was found: a run may have ended here before the first answer came.
   *
   * @param settled resolves when a claim that was under way at the first look has been taken up.
   */
  async look(settled: () => Promise<unknown>): Promise<readonly RunGlance[]> {
    const first = await this.#lookOnce();
    if (first.length === 0) return first;
    await settled();
    const tokens = new Map(first.map(({ runId, token }) => [runId, token]));
    return (await this.#lookOnce()).filter(({ runId, token }) => tokens.get(runId) === token);
  }

  async #lookOnce(): Promise<readonly RunGlance[]> {
    const { history, worker, isAttended, signal } = this.#options;
    const owned = await history.owned(worker, { signal });
    return owned.filter(({ runId, token }) => !isAttended(runId, token));
  }
}
