import { aText, checkArgument, checkOptions, type OptionKinds } from "../check-options.ts";
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

const READ: OptionKinds<ReadLogsOptions> = {
  after: {
    is: "the `seq` of an entry, or 0",
    fits: (value) => Number.isSafeInteger(value) && Number(value) >= 0,
  },
  limit: {
    is: "a whole number from 1 to 10,000",
    fits: (value) => Number.isInteger(value) && Number(value) >= 1,
  },
};
const WHOSE = { of: "run logs" };

/**
 * Which entries are asked for; for implementers of stores.
 *
 * @throws ValidationError whose message and `detail` name the field.
 */
export function selectLogs(
  runId: unknown,
  options: ReadLogsOptions = {},
): { readonly runId: string; readonly after: number; readonly limit: number } {
  checkArgument("runId", runId, aText, WHOSE);
  checkOptions(options, READ, WHOSE);
  const { after = 0, limit = 1_000 } = options;
  return { runId: runId as string, after, limit: Math.min(limit, 10_000) };
}
