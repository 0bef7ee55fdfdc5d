import { type RunCommit, SpineError } from "spine-core";

/** A control locks a run that others may be about to write; it must not stay locked for as long as a caller likes. */
export function refuseControls(commits: readonly RunCommit[]): void {
  if (!commits.some(({ kind }) => kind === "control")) return;
  throw new SpineError(
    "TRANSACTION_INVALID",
    "A run is changed from outside in a transaction of its own. Commit the control without `transaction`.",
  );
}
