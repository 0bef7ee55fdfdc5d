import { SpineError } from "../errors.ts";
import type { ClaimedRun, Transition } from "../history/history-store.ts";
import type { WorkflowData } from "../workflow/workflow.ts";
import { endOf } from "./end-run.ts";
import { workflowChanged } from "./workflow-changed.ts";

/**
 * Why a claimed run does not go on: its workflow has other steps by now, or it ends every process that works on it. The
 * transition with which it ends then; null when it goes on.
 *
 * @param maxCrashes how many processes may be lost at work on one run.
 */
export function refusalOf(
  claimed: ClaimedRun,
  workflow: WorkflowData,
  maxCrashes: number,
): Transition | null {
  const { run, steps } = claimed;
  if (run.crashes > maxCrashes) return poisoned(claimed, maxCrashes);
  const hasBegun = steps.length > 0 && !claimed.begun;
  if (run.fingerprint === workflow.fingerprint || !hasBegun || workflow.whenChanged === "adopt") return null;
  return workflowChanged(claimed, workflow);
}

function poisoned(claimed: ClaimedRun, maxCrashes: number): Transition {
  const { runId, workflow, crashes } = claimed.run;
  const last = claimed.steps.findLast(({ status }) => status === "RUNNING");
  const error = new SpineError(
    "POISONED",
    `${crashes} processes ended while they worked on this run (${maxCrashes} may), the last one in step "${last?.name ?? "?"}". It is kept away from the others: find out what it does to them, then retry it.`,
    { context: { runId, workflow, ...(last ? { step: last.name } : {}) } },
  ).toJSON();
  return endOf(claimed, error);
}
