import type { PipelineStep } from "../../workflow/step.ts";
import type { StepOutcome, StepScope } from "../step-scope.ts";

/**
 * Runs another workflow as a child. Its key is this run and step, so that a retry finds the same child. A secret goes to it
 * as its reference: the parameters of the child are stored.
 */
export async function runPipeline(step: PipelineStep, scope: StepScope): Promise<StepOutcome> {
  const given = step.params(scope.context);
  const params = scope.redaction ? scope.redaction.params(given) : given;
  const child = await scope.startChild(step.pipeline, params);
  return { output: await child.result() };
}
