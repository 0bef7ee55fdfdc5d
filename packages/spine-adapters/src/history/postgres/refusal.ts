import { SpineError } from "spine-core";
import { isDataError, sqlState } from "../../databases/postgres/postgres-error.ts";
import { type QueuedCommit, runOf } from "./flush.ts";

/** A refusal of one commit as its caller sees it; undefined for other errors. */
export function refusal(error: unknown, commit: QueuedCommit): SpineError | undefined {
  const state = sqlState(error);
  const runId = runOf(commit);
  const options = { context: { runId }, cause: error };
  if (state?.startsWith("23")) {
    return new SpineError(
      "HISTORY_CONFLICT",
      `What is to be recorded exists already: ${String(error)}.`,
      options,
    );
  }
  if (!isDataError(error)) return undefined;
  return new SpineError(
    "PAYLOAD_INVALID",
    `Postgres cannot hold what is to be recorded: ${String(error)}.`,
    options,
  );
}
