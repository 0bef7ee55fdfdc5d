import { type CommitResult, isTerminal, type RunStatus, type SignalCommit } from "spine-core";
import { signalCame } from "../run-events.ts";
import type { RunPositions } from "../run-positions.ts";
import { type HistoryWrite, tell } from "./run-facts.ts";

/** Leaves a message for a run, whoever owns it: he is not fenced, and a run that waits may be claimed at once. */
export function signalRun(
  scope: HistoryWrite,
  { runId, signalId, name, payload }: SignalCommit,
  positions: RunPositions,
): CommitResult {
  const { connection, sql, at } = scope;
  const run = connection.get<{ status: RunStatus; version: number }>(sql.runPosition, runId);
  if (!run) return { result: "missing" };
  // Before the status: whoever did not hear the answer asks again, and the run may have ended by then.
  if (connection.get(sql.signalById, runId, signalId)) return { result: "committed", version: run.version };
  if (isTerminal(run.status)) return { result: "conflict", status: run.status };
  const version = run.version + 1;
  // The next write of its owner compares the version.
  positions.forget(runId);
  connection.run(sql.signalRun, version, at, runId);
  // Versions grow, so this is the order in which they came.
  connection.run(sql.insertSignal, runId, version, signalId, name, payload, at);
  tell(scope, runId, run.version, [signalCame(name)]);
  return { result: "committed", version };
}
