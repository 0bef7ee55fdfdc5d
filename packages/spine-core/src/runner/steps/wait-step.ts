import { toMs } from "../../duration.ts";
import { SpineError } from "../../errors.ts";
import { shown } from "../../shown.ts";
import type { WaitStep } from "../../workflow/composite-steps.ts";
import type { StepOutcome, StepScope } from "../step-scope.ts";

/** The last time that its ISO text sorts by. */
const LATEST = Date.UTC(9999, 11, 31);

/** Works out until when it waits: from now, once; an attempt that goes on after an interruption keeps it. */
export function planWait(step: WaitStep, { context, clock }: StepScope): StepOutcome {
  const signal = step.isApproval ? context.step : step.signal;
  if (step.time === null) return { output: null, plan: { until: null, signal } };
  const given: unknown = step.time(context);
  const until = untilOf(given, clock.now());
  if (until === null) {
    throw new SpineError(
      "WORKFLOW_INVALID",
      `Step "${context.step}" cannot wait for ${shown(given)}. Give it milliseconds, a duration such as "30s", a Date, or an ISO text with its zone.`,
    );
  }
  return { output: null, plan: { until, signal } };
}

const ISO = /^\d{4}-\d\d-\d\d/;

function untilOf(given: unknown, now: number): number | null {
  if (given instanceof Date || (typeof given === "string" && ISO.test(given))) {
    const at = new Date(given).getTime();
    return Number.isNaN(at) || at > LATEST ? null : at;
  }
  if (typeof given !== "number" && typeof given !== "string") return null;
  try {
    return Math.min(now + toMs(given as number), LATEST);
  } catch {
    return null;
  }
}
