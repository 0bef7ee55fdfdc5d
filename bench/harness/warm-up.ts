import { eachInFlight } from "./each-in-flight.ts";

/** What a process takes at a time while it is made warm, however little it is given afterwards: so all of its code is in use soon. */
export const WARM_IN_FLIGHT = 50;

const BUSY_MS = 4_000;
const AS_MEASURED_MS = 500;

/**
 * Does the work that is measured afterwards for so long that the process is warm: a service runs for days, and what is compiled
 * late is compiled by then. Every system is given the same time: four seconds with much to do, and half a second as it is measured.
 *
 * @returns how often it was done, with 0, 1, 2, …
 */
export async function warmUp(inFlight: number, work: (index: number) => Promise<void>): Promise<number> {
  const busy = await doFor(BUSY_MS, WARM_IN_FLIGHT, work);
  return busy + (await doFor(AS_MEASURED_MS, inFlight, (index) => work(busy + index)));
}

async function doFor(ms: number, inFlight: number, work: (index: number) => Promise<void>): Promise<number> {
  const end = performance.now() + ms;
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
