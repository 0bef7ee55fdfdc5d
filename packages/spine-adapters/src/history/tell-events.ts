import { decodeJson, isTerminal, type RunEvent } from "spine-core";
import { errorCode, type NewEvent, runChanged, stepBegan, stepEnded } from "./run-events.ts";
import { isBegun } from "./run-rank.ts";
import { type EventRow, openStepsOf, type RunRow, readRun, readStep, type StepRow } from "./run-rows.ts";

/**
 * The events of a run, oldest first. Those of attempts are told by the rows of the attempts, creation and end by the
 * row of the run; `run_events` holds the others. Stored once, and in the same order as rows of their own would be, because
 * each fact has its number.
 *
 * What was read of attempts and of `run_events` may be younger than the run's row: events beyond its version are left out.
 */
export function tellEvents(
  run: RunRow,
  steps: readonly StepRow[],
  told: readonly EventRow[],
  { after = 0, limit }: { readonly after?: number; readonly limit?: number },
): readonly RunEvent[] {
  const { runId, version, status, error, triggeredBy, createdAt, startedAt, completedAt } = readRun(run);
  const events = new Map<number, RunEvent>();
  const tell = (seq: number, at: string | null, { type, data }: NewEvent) => {
    if (seq > after && seq <= version && at !== null) events.set(seq, { runId, seq, type, at, data });
  };
  tell(1, createdAt, { type: "run.created", data: { triggered_by: triggeredBy } });
  if (run.started_by !== null) {
    const reason = isBegun(run.rank) ? { reason: "queued" } : {};
    tell(2, startedAt, { type: "run.started", data: { worker: run.started_by, ...reason } });
  }
  if (isTerminal(status)) tell(version, completedAt, runChanged(status, errorCode(error)));
  for (const step of openStepsOf(run)) tell(step.event, step.at, stepBegan(step));
  for (const row of steps) {
    const step = readStep(row);
    tell(row.begun_event, step.startedAt, stepBegan(step));
    tell(row.ended_event, step.completedAt, stepEnded(step));
  }
  // Last, because whoever ended a run from outside said more about it than its row does.
  for (const { seq, at, type, data } of told) tell(seq, at, { type, data: decodeJson(data) });
  return [...events.values()].sort((a, b) => a.seq - b.seq).slice(0, limit);
}
