import { type Clock, systemClock } from "spine-core";
import type { PostgresPools } from "../../databases/postgres/postgres-pools.ts";
import { isoTime } from "../iso-time.ts";

/** A smaller difference of clocks is left alone: measuring it is not much more exact, and times would move to and fro. */
const LEAST_MS = 50;

/**
 * Where the store takes the time from: the database, which all processes share; a clock that tests drive goes
 * into the statements as a parameter instead.
 *
 * What the engine wants to happen later it says by the clock of its process, which may be wrong. It is stored by the
 * database's clock, so that it is due at the same moment for everybody.
 */
export class DatabaseTime {
  readonly #clock: Clock;
  /** Milliseconds by which the database's clock is ahead of ours. */
  #aheadMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The virtual time as ISO text; null where the database's own time counts. */
  get virtual(): string | null {
    return this.#clock === systemClock ? null : new Date(this.#clock.now()).toISOString();
  }

  /** Compares the clocks: the database said its time at some moment between two of ours. */
  compare(said: string, before: number, after: number): void {
    if (this.virtual !== null) return;
    const ahead = Date.parse(said) - (before + after) / 2;
    this.#aheadMs = Math.abs(ahead) < Math.max(LEAST_MS, after - before) ? 0 : Math.round(ahead);
  }

  /** A time of ours (ms since the epoch) as the database has it. */
  toDatabase(ms: number): string {
    return isoTime(ms + this.#aheadMs);
  }

  /** A time of the database's as we have it, ms since the epoch. */
  fromDatabase(time: string): number {
    return Date.parse(time) - this.#aheadMs;
  }
}

/** Learns how far our clock is from the database's. */
export async function compareClocks(pools: PostgresPools, time: DatabaseTime, clock: Clock): Promise<void> {
  const before = clock.now();
  const [row] = await pools.ask<{ at: string }>("write", "SELECT clock_timestamp() AS at");
  if (row) time.compare(row.at, before, clock.now());
}
