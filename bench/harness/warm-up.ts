import { eachInFlight } from "./each-in-flight.ts";

/**
 * Does the work that is measured afterwards for so long that the process is warm: a service runs for days, and what is compiled
 * late is compiled by then. Every system is given the same time.
 *
 * @returns how often it was done, with 0, 1, 2, …
 */
export async function warmUp(
  seconds: number,
  inFlight: number,
  work: (index: number) => Promise<void>,
): Promise<number> {
  const end = performance.now() + seconds * 1_000;
  let done = 0;
  await eachInFlight(
    Number.POSITIVE_INFINITY,
    inFlight,
    async (index) => {
      done = Math.max(done, index + 1);
      await work(index);
    },
    () => performance.now() < end,
  );
  return done;
}
