import { SpineError } from "../errors.ts";
import type { ClaimedRun, Transition } from "../history/history-store.ts";
import { TRACKED } from "../history/history-tracker.ts";
import { isEncoded, notDecoded } from "../payload-codec.ts";
import type { WorkflowData } from "../workflow/workflow.ts";
import { failClaimed } from "./fail-claimed.ts";
import { workflowChanged } from "./workflow-changed.ts";

/**
 * Why a claimed run cannot go on here, as its end; null when it can.
 *
 * @param maxCrashes how many processes may be lost at work on one run.
 */
export function claimRefusal(
  claimed: ClaimedRun,
  workflow: WorkflowData,
  maxCrashes: number,
): Transition | null {
  // First, because its code must not see what is encoded.
  const unreadable = claimed.unreadable ?? (holdsEncoded(claimed) ? notDecoded().toJSON() : null);
  if (unreadable) {
    const context = { runId: claimed.run.runId, workflow: workflow.name };
    return failClaimed(claimed, workflow, SpineError.fromJSON(unreadable).withContext(context).toJSON());
  }
  if (claimed.run.crashes > maxCrashes)
    return failClaimed(claimed, workflow, poisoned(claimed, maxCrashes).toJSON());
  const hasBegun = claimed.steps.length > 0 && !claimed.begun;
  const isOwn = claimed.run.fingerprint === workflow.fingerprint || workflow.whenChanged === "adopt";
  return isOwn || !hasBegun ? null : workflowChanged(claimed, workflow);
}

/** The end of a run that was only recorded, by somebody who is gone; null for all others. Its workflow is one that nobody need know. */
export function trackedRefusal(claimed: ClaimedRun): Transition | null {
  const { runId, workflow, fingerprint } = claimed.run;
  if (fingerprint !== TRACKED) return null;
  const error = new SpineError(
    "WORKER_LOST",
    "The process that recorded this run is gone. How far its work got is not known; Spine does not do it again.",
    { retryable: false, context: { runId, workflow } },
  );
  return failClaimed(claimed, null, error.toJSON());
}

/** Of a run that ends every process that works on it. */
function poisoned({ run, steps }: ClaimedRun, maxCrashes: number): SpineError {
  const { runId, workflow, crashes } = run;
  const last = steps.findLast(({ status }) => status === "RUNNING");
  return new SpineError(
    "POISONED",
    `${crashes} processes ended while they worked on this run (${maxCrashes} may), the last one in step "${last?.name ?? "?"}". It is kept away from the others: find out what it does to them, then retry it.`,
    { context: { runId, workflow, ...(last ? { step: last.name } : {}) } },
  );
}

/** Values that nobody has decoded: this process has no codec. */
function holdsEncoded({ run, steps, checkpoints }: ClaimedRun): boolean {
  return (
    isEncoded(run.params) ||
    steps.some(({ output }) => isEncoded(output)) ||
    checkpoints.some(({ value }) => isEncoded(value))
  );
}
