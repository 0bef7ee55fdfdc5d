import { SpineError } from "../errors.ts";
import type { ClaimedRun, Transition } from "../history/history-store.ts";
import { isEncoded, notDecoded } from "../payload-codec.ts";
import type { WorkflowData } from "../workflow/workflow.ts";
import { failClaimed } from "./fail-claimed.ts";
import { workflowChanged } from "./workflow-changed.ts";

/** Why a claimed run cannot go on here, as its end; null when it can. */
export function claimRefusal(claimed: ClaimedRun, workflow: WorkflowData): Transition | null {
  // First, because its code must not see what is encoded.
  const unreadable = claimed.unreadable ?? (holdsEncoded(claimed) ? notDecoded().toJSON() : null);
  if (unreadable) {
    const context = { runId: claimed.run.runId, workflow: workflow.name };
    return failClaimed(claimed, SpineError.fromJSON(unreadable).withContext(context).toJSON());
  }
  return claimed.run.fingerprint === workflow.fingerprint ? null : workflowChanged(claimed, workflow);
}

/** Values that nobody has decoded: this process has no codec. */
function holdsEncoded({ run, steps, checkpoints }: ClaimedRun): boolean {
  return (
    isEncoded(run.params) ||
    steps.some(({ output }) => isEncoded(output)) ||
    checkpoints.some(({ value }) => isEncoded(value))
  );
}
