import type { ErrorJson } from "../errors.ts";
import type { Transition } from "../history/history-store.ts";
import type { RunDetail } from "../history/records.ts";
import { isUndo, stepAt, undoneBy } from "../workflow/step-paths.ts";
import type { WorkflowData } from "../workflow/workflow.ts";

/**
 * The end of a run that cannot go on, with its attempts under way. A retry begins these again. None of its code runs, so that
 * nothing is undone either; the error says so. `workflow` is null where Spine has done nothing of it.
 */
export function failClaimed(detail: RunDetail, workflow: WorkflowData | null, cause: ErrorJson): Transition {
  const left = workflow === null ? "" : notUndone(detail, workflow).join(", ");
  const error =
    left === ""
      ? cause
      : {
          ...cause,
          message: `${cause.message} What its steps did was not undone (${left}): retry it where it can go on, or retry and cancel it there to have it undone.`,
          context: { ...cause.context, not_undone: left },
        };
  return {
    ended: detail.steps
      .filter((step) => step.completedAt === null)
      .map(({ name, attempt }) => ({
        name,
        attempt,
        status: "FAILED",
        output: null,
        error,
        rows: null,
        metrics: {},
        retryAt: null,
      })),
    begun: [],
    run: { status: "FAILED", error, endsAs: null },
    attachments: [],
  };
}

/** Steps that were done and not undone since; of those that the workflow does not have (any more) it is not known whether they could be. */
function notUndone({ run, steps }: RunDetail, workflow: WorkflowData): readonly string[] {
  const done = new Set<string>();
  if (!run.hasUndo) return [];
  for (const { name, status, seq } of steps) {
    if (status !== "COMPLETED" || seq <= run.inherited) continue;
    if (isUndo(name)) done.delete(undoneBy(name));
    else if (stepAt(workflow.steps, name)?.undo !== null) done.add(name);
  }
  return [...done];
}
