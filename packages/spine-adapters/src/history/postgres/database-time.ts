import { type Clock, systemClock } from "spine-core";

/**
 * Where the store takes the time from: the database, which all processes share; a clock that tests drive goes
 * into the statements as a parameter instead.
 */
export class DatabaseTime {
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The virtual time as ISO text; null where the database's own time counts. */
  get virtual(): string | null {
    return this.#clock === systemClock ? null : new Date(this.#clock.now()).toISOString();
  }
}
