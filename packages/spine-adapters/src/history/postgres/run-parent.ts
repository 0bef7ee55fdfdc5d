import { isRunId } from "./run-id.ts";

/** The run that waits for the end of another one, by what that one's row says; null: none does. */
export function parentOf(runId: string | null, step: string | null | undefined): string | null {
  // What was recorded as a parent by whoever only records may be no run of ours.
  return runId !== null && step != null && isRunId(runId) ? runId : null;
}

/** The same id in SQL, of the row under this name, as the column of ids has it: so that its index is used. */
export function parentIdSql(run: string): string {
  return `CASE WHEN ${run}.parent_run_id ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN ${run}.parent_run_id::uuid END`;
}
