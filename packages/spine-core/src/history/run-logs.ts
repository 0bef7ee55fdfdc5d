import { ValidationError } from "../errors.ts";
import type { JsonValue } from "../json.ts";

/** A message that a step logged through `context.logger`. */
export interface LogEntry {
  /** Grows within the run, not by one: where to go on reading. */
  readonly seq: number;
  readonly step: string;
  readonly attempt: number;
  /** `DEBUG`, `INFO`, `WARN` or `ERROR`. */
  readonly level: string;
  readonly message: string;
  readonly fields: JsonValue | null;
  /** When it was logged, ISO time of the process that did. */
  readonly at: string;
}

export interface ReadLogsOptions {
  /** The `seq` of the last entry that is known. */
  readonly after?: number;
  /** At most this many, oldest first; 1,000 when left out, 10,000 at most. */
  readonly limit?: number;
}

/** What the steps of runs logged. Conformance suite: `testHistoryStore`, which writes them with its transitions. */
export interface RunLogs {
  read(runId: string, options?: ReadLogsOptions): Promise<readonly LogEntry[]>;
}

/** Entries of one commit: more are dropped, and how many is the last of them. */
export const MOST_LOGS = 1_000;

/** The size of a page of entries. Throws a ValidationError for one that makes no sense. */
export function logPageSize(limit = 1_000): number {
  if (Number.isInteger(limit) && limit >= 1) return Math.min(limit, 10_000);
  throw new ValidationError(`The limit of run logs is ${limit}; it must be a whole number from 1 to 10,000.`);
}
