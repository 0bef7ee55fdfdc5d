/**
 * Where time comes from: one port, so that tests can drive the engine's timers and the time in the database by one
 * virtual clock (`TestClock` in `spine-core/testing`).
 */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Calls back once, after any number of milliseconds; returns the function that prevents it. */
  after(ms: number, call: () => void): () => void;
}

/** The longest that a timer of Node can be set to: anything more would fire at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  after(ms, call) {
    let timer: NodeJS.Timeout;
    const arm = (left: number) => {
      const next = Math.min(left, LONGEST_TIMER_MS);
      timer = setTimeout(() => (left > next ? arm(left - next) : call()), next);
    };
    arm(ms);
    return () => clearTimeout(timer);
  },
};

/**
 * Waits until work has ended, or for so many milliseconds of real time; true when it has ended. It goes on all the same, and
 * what it fails with is nobody's any more then.
 */
export async function within(ms: number, work: Promise<unknown>): Promise<boolean> {
  const { promise: tooLate, resolve } = Promise.withResolvers<boolean>();
  const stopTimer = systemClock.after(ms, () => resolve(false));
  try {
    return await Promise.race([work.then(() => true), tooLate]);
  } finally {
    stopTimer();
  }
}

/** Waits for so many milliseconds of the clock's time. */
export function pause(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => {
    clock.after(ms, resolve);
  });
}
