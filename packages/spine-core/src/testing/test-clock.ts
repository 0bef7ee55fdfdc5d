import type { Clock } from "../clock.ts";

interface Timer {
  readonly at: number;
  readonly call: () => void;
}

/**
 * A clock that stands still until it is moved: `createSpine({ clock })` then takes all time from it, in the process and
 * in the database. Retries, timeouts and waits of days take no time at all.
 *
 * @example
 * const clock = new TestClock();
 * const spine = await createSpine({ database: sqlite(":memory:"), clock });
 * const run = await spine.run(callsAgainInAnHour, {});
 * …                                    // the run's first attempt failed, and the run is WAITING
 * clock.advance(3_600_000);
 * await run.result();
 */
export class TestClock implements Clock {
  #now: number;
  /** In the order in which they were set. */
  readonly #timers = new Set<Timer>();

  /** @param start an ISO time, or milliseconds since the epoch. */
  constructor(start: string | number = "2026-01-05T09:00:00.000Z") {
    this.#now = new Date(start).getTime();
  }

  now(): number {
    return this.#now;
  }

  after(ms: number, call: () => void): () => void {
    // One millisecond at least, as Node's: a timer that sets itself again gets nowhere otherwise.
    const timer = { at: this.#now + Math.max(1, ms), call };
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  }

  /** Moves time. What is due until then is called in order, each at its own time, and what that sets as well. */
  advance(ms: number): void {
    const end = this.#now + ms;
    for (let timer = this.#nextUntil(end); timer; timer = this.#nextUntil(end)) {
      this.#timers.delete(timer);
      this.#now = timer.at;
      timer.call();
    }
    this.#now = end;
  }

  #nextUntil(end: number): Timer | undefined {
    let next: Timer | undefined;
    for (const timer of this.#timers) {
      if (timer.at <= end && (next === undefined || timer.at < next.at)) next = timer;
    }
    return next;
  }
}
