/** `Date` is in whole seconds, and an answer takes its time: clocks that differ by less are taken for the same. */
const CLOSE_MS = 3_000;

let ahead = 0;

/** Takes in the time at which a server has answered, by its `Date`; null where it is not told. */
export function heardServerTime(date: string | null): void {
  const difference = date === null ? Number.NaN : Date.now() - Date.parse(date);
  if (Number.isNaN(difference)) return;
  ahead = Math.abs(difference) < CLOSE_MS ? 0 : difference;
}

/** Now, by the clock that runs are timed by: this machine's may be ahead of it, or behind. In ms since the epoch. */
export function serverNow(): number {
  return Date.now() - ahead;
}
