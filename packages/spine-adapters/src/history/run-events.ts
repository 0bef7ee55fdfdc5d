import type { JsonValue, RunStatus, StepBegin, StepEnd } from "spine-core";
import type { SqliteConnection } from "../databases/sqlite/sqlite-connection.ts";
import type { HistorySql } from "./history-sql.ts";

/** An event before it has its number. */
export interface NewEvent {
  readonly type: string;
  readonly data: JsonValue;
}

/** The event of an attempt that begins. */
export function stepBegan({ name, kind, attempt }: StepBegin): NewEvent {
  return { type: "step.started", data: { step: name, kind, attempt } };
}

/** The event of an attempt that ended. */
export function stepEnded(end: StepEnd): NewEvent {
  const { name, attempt, status, error, rows, retryAt } = end;
  return {
    type: `step.${status.toLowerCase()}`,
    data: {
      step: name,
      attempt,
      ...(error ? { error_code: error.code } : {}),
      ...(rows ? { rows: { in: rows.in, out: rows.out, rejected: rows.rejected } } : {}),
      ...(retryAt === null ? {} : { retry_at: new Date(retryAt).toISOString() }),
    },
  };
}

/** The event of a run that has a new status: `run.completed`, `run.waiting`, `run.queued`, … */
export function runChanged(status: RunStatus, data: JsonValue = {}): NewEvent {
  return { type: status === "PENDING" ? "run.queued" : `run.${status.toLowerCase()}`, data };
}

/** Appends events to a run whose version is theirs already: `version` is the number of the last one. */
export function appendEvents(
  connection: SqliteConnection,
  sql: HistorySql,
  runId: string,
  version: number,
  at: string,
  events: readonly NewEvent[],
): void {
  for (const [index, { type, data }] of events.entries()) {
    const seq = version - events.length + 1 + index;
    connection.insert(sql.tables.run_events, { run_id: runId, seq, type, at, data: JSON.stringify(data) });
  }
}
