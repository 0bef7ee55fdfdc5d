import { toMs } from "../../duration.ts";
import { SpineError } from "../../errors.ts";
import { LAST_INSTANT, toInstant } from "../../instant.ts";
import { shown } from "../../shown.ts";
import type { WaitStep } from "../../workflow/composite-steps.ts";
import type { StepOutcome, StepScope } from "../step-scope.ts";

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

/** A day, or a time of one: no duration. */
const OF_A_DAY = /^\d{4}-\d\d-\d\d/;

function untilOf(given: unknown, now: number): number | null {
  if (given instanceof Date || (typeof given === "string" && OF_A_DAY.test(given))) return toInstant(given);
  if (typeof given !== "number" && typeof given !== "string") return null;
  try {
    return Math.min(now + toMs(given as number), LAST_INSTANT);
  } catch {
    return null;
  }
}
