import { isRunId } from "./run-id.ts";

/** The run that waits for the end of another one, by what that one's row says; null: none does. */
export function parentOf(runId: string | null, step: string | null | undefined): string | null {
  // What was recorded as a parent by whoever only records may be no run of ours.
  return runId !== null && step != null && isRunId(runId) ? runId : null;
}
