/** Where time comes from: one port, so that tests can drive it and the database by one virtual clock. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
}

export const systemClock: Clock = { now: () => Date.now() };
