import type { ErrorJson, StepBegin, StepEnd } from "spine-core";
import type { SqliteConnection, SqlValue } from "../../databases/sqlite/sqlite-connection.ts";
import { isoTime } from "../iso-time.ts";
import type { OpenStep } from "../open-steps.ts";
import type { NewEvent } from "../run-events.ts";
import type { HistorySql } from "./history-sql.ts";

/** A write to the history inside the open transaction. */
export interface HistoryWrite {
  readonly connection: SqliteConnection;
  readonly sql: HistorySql;
  /** The time of the commit. */
  readonly at: string;
}

/** Attempts that begin now, behind so many attempts and events of their run. */
export function opened(
  begun: readonly StepBegin[],
  attempts: number,
  events: number,
  at: string,
): readonly OpenStep[] {
  return begun.map(({ name, kind, attempt }, index) => ({
    name,
    kind,
    attempt,
    seq: attempts + index + 1,
    event: events + index + 1,
    at,
  }));
}

/** The row of an attempt that ended, with the number of the event that tells its end. */
export function insertStep(
  { connection, sql, at }: HistoryWrite,
  runId: string,
  began: OpenStep,
  end: Omit<StepEnd, "name" | "attempt">,
  event: number,
): void {
  connection.run(sql.insertStep, ...stepCells(runId, began, end, event, at));
}

/** The cells of such a row, as `insertStep` of `HistorySql` takes them. */
export function stepCells(
  runId: string,
  began: OpenStep,
  { status, output, error, rows, metrics, retryAt }: Omit<StepEnd, "name" | "attempt">,
  event: number,
  at: string,
): readonly SqlValue[] {
  return [
    runId,
    began.seq,
    began.name,
    began.kind,
    began.attempt,
    status,
    output,
    error && JSON.stringify(error),
    rows?.in ?? null,
    rows?.out ?? null,
    rows?.rejected ?? null,
    JSON.stringify(metrics),
    began.event,
    event,
    began.at,
    at,
    retryAt === null ? null : isoTime(retryAt),
  ];
}

/** Ends attempts from outside, each with an event behind `version`; `error` is what they end with. */
export function cancelSteps(
  scope: HistoryWrite,
  runId: string,
  version: number,
  open: readonly OpenStep[],
  error: ErrorJson | null,
): void {
  const end = { status: "CANCELLED", output: null, error, rows: null, metrics: {}, retryAt: null } as const;
  for (const [index, step] of open.entries()) insertStep(scope, runId, step, end, version + index + 1);
}

/** Appends events that have no other row, behind `version`. */
export function tell(
  { connection, sql, at }: HistoryWrite,
  runId: string,
  version: number,
  events: readonly NewEvent[],
): void {
  for (const [index, { type, data }] of events.entries()) {
    connection.run(sql.insertEvent, runId, version + index + 1, type, at, JSON.stringify(data));
  }
}
