import type { PipelineStep } from "../../workflow/step.ts";
import type { StepOutcome, StepScope } from "../step-scope.ts";

/** Runs another workflow as a child. Its key is this run and step, so that a retry finds the same child. */
export async function runPipeline(step: PipelineStep, scope: StepScope): Promise<StepOutcome> {
  const child = await scope.startChild(step.pipeline, step.params(scope.context));
  return { output: await child.result() };
}
