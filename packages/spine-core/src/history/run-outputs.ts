import type { JsonValue } from "../json.ts";
import type { StepRecord } from "./records.ts";

/**
 * The outputs of a run by step: those of the steps of its workflow's own list. Steps inside of others have a path as their
 * name (`prices/nyse`, `venues/XNYS/load`); their results stand in the output of the step around them.
 */
export function runOutputs(
  steps: readonly Pick<StepRecord, "name" | "status" | "output">[],
): Readonly<Record<string, JsonValue>> {
  const outputs: Record<string, JsonValue> = {};
  for (const { name, status, output } of steps) {
    if (status === "COMPLETED" && !name.includes("/")) outputs[name] = output;
  }
  return outputs;
}
