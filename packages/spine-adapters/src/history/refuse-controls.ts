import { type RunCommit, SpineError } from "spine-core";

/** Controls and signals lock a run that others may be about to write; it must not stay locked for as long as a caller likes. */
export function refuseControls(commits: readonly RunCommit[]): void {
  if (!commits.some(({ kind }) => kind === "control" || kind === "signal")) return;
  throw new SpineError(
    "TRANSACTION_INVALID",
    "A run is changed from outside in a transaction of its own. Commit the control, or the signal, without `transaction`.",
  );
}
