import type { OptionKind } from "../check-options.ts";
import type { WorkflowData } from "./workflow.ts";

/** True for what `defineWorkflow` returned, of whichever installed copy of this package. */
export function isWorkflow(value: unknown): value is WorkflowData {
  if (typeof value !== "object" || value === null) return false;
  const { name, steps, params, partition } = value as Partial<WorkflowData>;
  const isSchema = typeof (params as Partial<WorkflowData["params"]> | null | undefined)?.safeParseAsync;
  return (
    typeof name === "string" &&
    Array.isArray(steps) &&
    isSchema === "function" &&
    typeof partition === "function" &&
    "fingerprint" in value
  );
}

export const aWorkflow: OptionKind = { is: "a workflow, as `defineWorkflow` returns it", fits: isWorkflow };
