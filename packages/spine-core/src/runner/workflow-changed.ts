import { SpineError } from "../errors.ts";
import type { Transition } from "../history/history-store.ts";
import type { RunDetail } from "../history/records.ts";
import type { WorkflowData } from "../workflow/workflow.ts";
import { failClaimed } from "./fail-claimed.ts";

/**
 * The end of a run whose workflow has another step list by now: going on could skip or repeat work without
 * anybody noticing, so it fails and says what it found.
 */
export function workflowChanged(detail: RunDetail, workflow: WorkflowData): Transition {
  const recorded = [...new Set(detail.steps.map((step) => step.name))];
  const declared = workflow.steps.map((step) => step.name);
  const error = new SpineError(
    "WORKFLOW_CHANGED",
    `The steps of "${workflow.name}" changed while this run was under way. It had begun ${list(recorded)}; the workflow now has ${list(declared)}. Start a new run, or deploy the earlier version to finish this one.`,
    { context: { runId: detail.run.runId, workflow: workflow.name }, detail: { recorded, declared } },
  ).toJSON();
  return failClaimed(detail, error);
}

function list(names: readonly string[]): string {
  return names.length === 0 ? "no step" : names.map((name) => `"${name}"`).join(", ");
}
