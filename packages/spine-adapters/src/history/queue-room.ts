import { OPEN_QUEUE, type QueueSettings } from "spine-core";
import { isBegun, isKeyed } from "./run-rank.ts";

/** What is at work in a queue, and what began there lately. */
export interface QueueLoad {
  readonly settings: QueueSettings;
  /** Its runs at work, by key and worker. */
  readonly atWork: readonly { readonly key: string | null; readonly worker: string; readonly runs: number }[];
  /** First beginnings within the period of its rate limit (ms since the epoch); others may be among them. */
  readonly starts: readonly { readonly at: number; readonly runs: number }[];
}

/** Where there are no limits, nothing has to be counted. */
export const OPEN_LOAD: QueueLoad = { settings: OPEN_QUEUE, atWork: [], starts: [] };

/** A run that waits, as far as its place depends on it. */
export interface Waiting {
  readonly runId: string;
  readonly workflow: string;
  readonly queue: string;
  readonly key: string | null;
  readonly rank: number;
  /** Ms since the epoch. */
  readonly availableAt: number;
}

/** How many more runs a queue may let in, for one worker at one moment. Only counts; whoever asks holds the lock. */
export class QueueRoom {
  readonly #now: number;
  readonly #settings: QueueSettings;
  readonly #byKey = new Map<string, number>();
  readonly #starts: { readonly at: number; readonly runs: number }[];
  #left: number;

  constructor({ settings, atWork, starts }: QueueLoad, worker: string, now: number) {
    this.#now = now;
    this.#settings = settings;
    let all = 0;
    let own = 0;
    for (const { key, worker: owner, runs } of atWork) {
      all += runs;
      if (owner === worker) own += runs;
      if (key !== null) this.#byKey.set(key, (this.#byKey.get(key) ?? 0) + runs);
    }
    const { paused, concurrency, workerConcurrency, rateLimit } = settings;
    const left = Math.min(
      (concurrency ?? Number.POSITIVE_INFINITY) - all,
      (workerConcurrency ?? Number.POSITIVE_INFINITY) - own,
    );
    // Less than nothing is left when a limit was lowered, or runs were taken over.
    this.#left = paused ? 0 : Math.max(0, left);
    const since = rateLimit ? now - rateLimit.periodMs : now;
    this.#starts = starts.filter(({ at }) => at > since).sort((a, b) => a.at - b.at);
  }

  /** Runs that may still be let in, whichever they are. */
  get left(): number {
    return this.#left;
  }

  /** Runs that may still begin for the first time. */
  get firstLeft(): number {
    const { rateLimit } = this.#settings;
    return rateLimit ? Math.max(0, rateLimit.runs - this.#started) : Number.POSITIVE_INFINITY;
  }

  get limitsKeys(): boolean {
    return this.#settings.keyConcurrency !== null;
  }

  /** Runs with this key that may still be let in. */
  keyLeft(key: string): number {
    const { keyConcurrency } = this.#settings;
    if (keyConcurrency === null) return Number.POSITIVE_INFINITY;
    return Math.max(0, keyConcurrency - (this.#byKey.get(key) ?? 0));
  }

  /** Keys of which no run may be let in. */
  fullKeys(): readonly string[] {
    return [...this.#byKey.keys()].filter((key) => this.keyLeft(key) === 0);
  }

  /** When the run can be let in as things are, not before its own time; null: not before something changes. */
  opensFor({ key, rank, availableAt }: Waiting): number | null {
    if (this.#left === 0) return null;
    if (isKeyed(rank) && key !== null && this.keyLeft(key) === 0) return null;
    // The rate counts first beginnings only.
    return isBegun(rank) ? availableAt : Math.max(availableAt, this.#firstFrom());
  }

  take({ key, rank }: Waiting): void {
    this.#left -= 1;
    if (key !== null) this.#byKey.set(key, (this.#byKey.get(key) ?? 0) + 1);
    if (!isBegun(rank)) this.#starts.push({ at: this.#now, runs: 1 });
  }

  get #started(): number {
    return this.#starts.reduce((sum, { runs }) => sum + runs, 0);
  }

  /** From when on another run may begin: when so many have left the window that there is room for one. */
  #firstFrom(): number {
    const { rateLimit } = this.#settings;
    if (!rateLimit) return 0;
    let excess = this.#started - rateLimit.runs + 1;
    for (const { at, runs } of this.#starts) {
      if (excess <= 0) break;
      excess -= runs;
      if (excess <= 0) return at + rateLimit.periodMs;
    }
    return 0;
  }
}
