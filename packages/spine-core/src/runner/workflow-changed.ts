import { SpineError } from "../errors.ts";
import type { Transition } from "../history/history-store.ts";
import type { RunDetail } from "../history/records.ts";
import type { WorkflowData } from "../workflow/workflow.ts";
import { failClaimed } from "./fail-claimed.ts";
import { type WorkflowDiff, workflowDiff } from "./workflow-diff.ts";

/**
 * The end of a run whose workflow has another step list by now: going on could skip or repeat work without
 * anybody noticing, so it fails and says what it found.
 */
export function workflowChanged(detail: RunDetail, workflow: WorkflowData): Transition {
  const recorded = [...new Set(detail.steps.map((step) => step.name))].filter((name) => !name.includes("/"));
  const declared = workflow.steps.map((step) => step.name);
  const diff = workflowDiff(detail.steps, workflow);
  const error = new SpineError(
    "WORKFLOW_CHANGED",
    `The steps of "${workflow.name}" changed while this run was under way. It had begun ${list(recorded)}; the workflow now has ${list(declared)}: ${difference(diff)}. Start a new run, deploy the earlier version to finish this one, or say in the workflow what becomes of such runs (\`whenChanged\`).`,
    {
      context: { runId: detail.run.runId, workflow: workflow.name },
      detail: { recorded, declared, ...diff, fingerprints: [detail.run.fingerprint, workflow.fingerprint] },
    },
  ).toJSON();
  return failClaimed(detail, workflow, error);
}

function difference({ removed, added, changed, moved }: WorkflowDiff): string {
  const parts = [
    ...(removed.length > 0 ? [`without ${list(removed)}`] : []),
    ...(added.length > 0 ? [`with ${list(added)} before where it stands`] : []),
    ...changed.map(({ step, was, is }) => `with "${step}" as ${is}, which was ${was}`),
    ...(moved.length > 0 ? [`with ${list(moved)} in another order`] : []),
  ];
  return parts.length === 0 ? "what it had begun is the same, what comes behind it is not" : parts.join(", ");
}

function list(names: readonly string[]): string {
  return names.length === 0 ? "no step" : names.map((name) => `"${name}"`).join(", ");
}
