import { isTerminal, type RunDetail } from "spine-core";
import type { HttpRequest } from "./http-request.ts";
import type { Call } from "./operation.ts";

/** The seconds of `Prefer: wait=10`, up to a limit; null where it is not asked for. */
export function waitOf(request: HttpRequest, most: number): number | null {
  const prefer = request.header("prefer");
  if (prefer === undefined) return null;
  const [, seconds] = /(?:^|[,;\s])wait\s*=\s*"?(\d{1,5})"?(?:$|[,;\s])/i.exec(prefer) ?? [];
  return seconds === undefined ? null : Math.min(Number(seconds), most);
}

/** The run, once it has ended or the time is over; at once where nobody waits. */
export async function waitForEnd(call: Call, runId: string, seconds: number | null): Promise<RunDetail> {
  if (seconds !== null && seconds > 0)
    await waitUntil(call, runId, seconds, (_version, hasEnded) => hasEnded);
  return await call.spine.get(runId);
}

/** Whether a run has changed since `version`, or ended, or the time is over. */
export async function waitForChange(
  call: Call,
  runId: string,
  seconds: number,
  version: number,
): Promise<void> {
  await waitUntil(call, runId, seconds, (newest, hasEnded) => hasEnded || newest > version);
}

/** Waits in no connection of the database; who has gone waits no more, and the run goes on. */
async function waitUntil(
  { services: { feed }, request }: Call,
  runId: string,
  seconds: number,
  isEnough: (version: number, hasEnded: boolean) => boolean,
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const done = () => resolve();
  const timer = setTimeout(done, seconds * 1_000);
  const { signal } = request;
  signal.addEventListener("abort", done);
  feed.closing.addEventListener("abort", done);
  if (signal.aborted || feed.closing.aborted) done();
  const stop = feed.follow(runId, {
    changed: (_id, version, hasEnded) => {
      if (isEnough(version, hasEnded)) resolve();
    },
    failed: reject,
  });
  try {
    await promise;
  } finally {
    stop();
    clearTimeout(timer);
    signal.removeEventListener("abort", done);
    feed.closing.removeEventListener("abort", done);
  }
}

/** True for the details of a run that has ended. */
export function hasEnded({ run }: RunDetail): boolean {
  return isTerminal(run.status);
}
