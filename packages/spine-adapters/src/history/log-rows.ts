import { decodeJson, type LogEntry } from "spine-core";

/** The numbers of log entries leave room for so many between two events: one commit has fewer attachments. */
export const LOGS_PER_EVENT = 100_000;

/** The number of an entry: behind those of earlier commits, in the order in which they were logged. */
export function logSeq(version: number, position: number): number {
  return version * LOGS_PER_EVENT + position;
}

/** A row of `run_logs`. */
export interface LogRow {
  readonly seq: number;
  readonly step_name: string;
  readonly attempt: number;
  readonly level: string;
  readonly message: string;
  readonly fields: string | null;
  readonly logged_at: string;
}

export const LOG_COLUMNS = "seq, step_name, attempt, level, message, fields, logged_at";

/** An entry as the port has it. */
export function readLog({ seq, step_name, attempt, level, message, fields, logged_at }: LogRow): LogEntry {
  const read = fields === null ? null : decodeJson(fields);
  return { seq, step: step_name, attempt, level, message, fields: read, at: logged_at };
}
