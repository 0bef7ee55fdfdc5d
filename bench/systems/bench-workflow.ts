import { defineWorkflow, Step, type WorkflowData } from "spine-core";
import { z } from "zod";
import { payload } from "../harness/payload.ts";

let watch: (() => void) | undefined;

/** Calls back at the begin of each step of this process from now on. */
export function onEachStep(callback: () => void): void {
  watch = callback;
}

/** The workflow that all measurements of Spine run: steps that do nothing and return 200 bytes each. */
export function benchWorkflow(steps: number, before?: (step: number) => Promise<void>): WorkflowData {
  return defineWorkflow({
    name: `bench.steps-${steps}`,
    params: z.object({ id: z.number() }),
    steps: Array.from({ length: steps }, (_, index) =>
      Step.lambda(`s${index}`, async ({ params }) => {
        watch?.();
        await before?.(index);
        return payload((params as { id: number }).id, index);
      }),
    ),
  }) as unknown as WorkflowData;
}
