import { eachInFlight } from "./each-in-flight.ts";

/** Every system is given the same time, in milliseconds: a service is warm, and what is compiled late is compiled by then. */
const WARM_UP_MS = 2_000;

/** Does the work that is measured afterwards until the process is warm; returns how often it was done, with 0, 1, 2, … */
export async function warmUp(inFlight: number, work: (index: number) => Promise<void>): Promise<number> {
  const end = performance.now() + WARM_UP_MS;
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
