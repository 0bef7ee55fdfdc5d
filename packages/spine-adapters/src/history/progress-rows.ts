import type { ProgressAttachment, StepProgress } from "spine-core";
import { isoTime } from "./iso-time.ts";

/** A row of `step_progress`: the newest that a step of a run has said, in whatever attempt that was. */
export interface ProgressRow {
  readonly step_name: string;
  readonly attempt: number;
  readonly rows_in: number | null;
  readonly rows_out: number | null;
  readonly rows_rejected: number | null;
  readonly done: number | null;
  readonly total: number | null;
  readonly unit: string | null;
  readonly message: string | null;
  readonly said_at: string;
}

/** The row that an attachment leaves. */
export function progressRow(attachment: ProgressAttachment): ProgressRow {
  const { step, attempt, rows, done, total, unit, message, at } = attachment;
  return {
    step_name: step,
    attempt,
    rows_in: rows?.in ?? null,
    rows_out: rows?.out ?? null,
    rows_rejected: rows?.rejected ?? null,
    done,
    total,
    unit,
    message,
    said_at: isoTime(at),
  };
}

/** How far an attempt has come: what an earlier one of the same step has left is not said of it. */
export function progressOf(
  rows: readonly ProgressRow[],
  { name, attempt }: { readonly name: string; readonly attempt: number },
): StepProgress | null {
  const row = rows.find((each) => each.step_name === name && each.attempt === attempt);
  return row ? readProgress(row) : null;
}

function readProgress(row: ProgressRow): StepProgress {
  const { rows_in, rows_out, rows_rejected, done, total, unit, message, said_at } = row;
  const rows = rows_in === null ? null : { in: rows_in, out: rows_out ?? 0, rejected: rows_rejected ?? 0 };
  // Where it comes as JSON, its form is another one.
  return { rows, done, total, unit, message, at: new Date(said_at).toISOString() };
}
