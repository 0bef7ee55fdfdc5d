import { shown } from "../../shown.ts";
import type { ChoiceStep } from "../../workflow/composite-steps.ts";
import type { StepOutcome, StepScope } from "../step-scope.ts";

/** Asks which case it is to be; none skips the step. */
export async function planChoice(step: ChoiceStep, { context }: StepScope): Promise<StepOutcome> {
  const chosen = await step.on(context);
  if (chosen === null || chosen === undefined || chosen === false) return { output: null, skipped: true };
  return { output: null, plan: { case: typeof chosen === "string" ? chosen : shown(chosen) } };
}
