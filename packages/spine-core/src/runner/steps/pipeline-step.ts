import type { PipelineStep } from "../../workflow/step.ts";
import type { StepOutcome, StepScope } from "../step-scope.ts";

/**
 * Says which run the step waits for: a new one, which exists once that is recorded, or that of an earlier attempt, which goes on
 * where it failed. A secret goes to it as its reference: the parameters of the child are stored.
 */
export async function runPipeline(step: PipelineStep, scope: StepScope): Promise<StepOutcome> {
  const given = await step.params(scope.context);
  const params = scope.redaction ? scope.redaction.params(given) : given;
  const { runId, child } = await scope.prepareChild(step.pipeline, params);
  return { output: null, plan: { child: runId }, ...(child ? { child } : {}) };
}
