import type { Clock } from "../clock.ts";
import { SpineError } from "../errors.ts";
import type { Step } from "../workflow/step.ts";
import { stepTimeout } from "./step-timeout.ts";

/** What ends an attempt that takes too long, or of which nothing is heard. */
export interface AttemptLimits {
  /** The attempt's signal: aborted by them, and by what aborts the attempt besides. */
  readonly signal: AbortSignal;
  /** There is a sign of life. */
  readonly heard: () => void;
  /** The attempt is over. */
  readonly stop: () => void;
}

const NOTHING = () => {};

/** True for a step whose attempts may be ended before their code ends. */
export function isLimited({ timeoutMs, heartbeatTimeoutMs }: Step): boolean {
  return timeoutMs !== null || heartbeatTimeoutMs !== null;
}

/**
 * The limits of an attempt that begins now. A signal of its own costs as much as all the rest of an attempt: it has one only where
 * its step has a limit.
 */
export function limitsOf(step: Step, path: string, signal: AbortSignal, clock: Clock): AttemptLimits {
  if (!isLimited(step)) return { signal, heard: NOTHING, stop: NOTHING };
  const { timeoutMs, heartbeatTimeoutMs } = step;
  const limit = new AbortController();
  const stopTimer =
    timeoutMs === null ? NOTHING : clock.after(timeoutMs, () => limit.abort(stepTimeout(path, timeoutMs)));
  const silence =
    heartbeatTimeoutMs === null
      ? null
      : watchSilence(heartbeatTimeoutMs, clock, () => limit.abort(unheard(path, heartbeatTimeoutMs)));
  return {
    signal: AbortSignal.any([signal, limit.signal]),
    heard: silence?.heard ?? NOTHING,
    stop: () => {
      stopTimer();
      silence?.stop();
    },
  };
}

/** Calls once nothing was heard for so long. A sign of life only notes its time: the one timer looks at that when it comes. */
function watchSilence(ms: number, clock: Clock, call: () => void): Pick<AttemptLimits, "heard" | "stop"> {
  let heardAt = clock.now();
  const look = () => {
    const left = heardAt + ms - clock.now();
    if (left > 0) stopTimer = clock.after(left, look);
    else call();
  };
  let stopTimer = clock.after(ms, look);
  return {
    heard: () => {
      heardAt = clock.now();
    },
    stop: () => stopTimer(),
  };
}

function unheard(step: string, ms: number): SpineError {
  return new SpineError(
    "STEP_HEARTBEAT_TIMEOUT",
    `Nothing was heard of step "${step}" for its heartbeatTimeout of ${ms} ms. Where it is at work all the same, let it call \`context.heartbeat()\` or \`context.progress()\` more often.`,
    { context: { step } },
  );
}
