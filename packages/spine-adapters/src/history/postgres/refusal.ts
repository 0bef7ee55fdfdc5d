import { SpineError } from "spine-core";
import { asDriverError, isDataError, sqlState } from "../../databases/postgres/postgres-error.ts";
import { isOutsideOfMarked } from "../../databases/postgres/transaction-mark.ts";
import { type QueuedCommit, runOf } from "./flush.ts";

const UNIQUE_VIOLATION = "23505";

/** A refusal of one commit as its caller sees it; undefined for other errors. */
export function refusal(error: unknown, commit: QueuedCommit): SpineError | undefined {
  const state = sqlState(error);
  const { message } = asDriverError(error);
  const runId = runOf(commit);
  const options = { context: { runId }, cause: error };
  if (state === UNIQUE_VIOLATION) {
    return new SpineError("HISTORY_CONFLICT", `What is to be recorded exists already: ${message}.`, options);
  }
  if (state === undefined || !isDataError(error) || isOutsideOfMarked(state, message)) return undefined;
  return new SpineError(
    "PAYLOAD_INVALID",
    `Postgres cannot hold what is to be recorded: ${message}.`,
    options,
  );
}
