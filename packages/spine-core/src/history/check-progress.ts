import { checkOptions, type OptionKind, type OptionKinds } from "../check-options.ts";
import { textFault } from "../check-text.ts";
import type { Progress } from "../workflow/step-context.ts";
import type { RowCounts, StepProgress } from "./records.ts";

/** How far an attempt has come, without the time at which it said so. */
export type ProgressPoint = Omit<StepProgress, "at">;

const LONGEST_UNIT = 40;
const aNumber: OptionKind = {
  is: "a finite number from 0",
  fits: (value) => Number.isFinite(value) && (value as number) >= 0,
};
const isCount = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 0;

const PROGRESS: OptionKinds<Progress> = {
  done: aNumber,
  total: aNumber,
  unit: {
    is: `a text of 1 to ${LONGEST_UNIT} characters`,
    fits: (value) => value !== "" && textFault(value, LONGEST_UNIT) === null,
  },
  message: { is: "a text", fits: (value) => typeof value === "string" },
  rows: { is: "the whole numbers `in`, `out` and `rejected`, from 0", fits: areRows },
};

/**
 * What code says of its progress, as it is told and kept.
 *
 * @param step names it in the error.
 * @throws ValidationError that names the field.
 */
export function checkProgress(given: Progress, step: string): ProgressPoint {
  checkOptions(given, PROGRESS, {
    of: `the progress of step "${step}"`,
    called: "field",
    name: "progress",
  });
  const { rows = null, done = null, total = null, unit = null, message = null } = given;
  return {
    rows: rows && { in: rows.in, out: rows.out, rejected: rows.rejected },
    done,
    total,
    unit,
    message,
  };
}

function areRows(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  const { in: read, out, rejected } = value as RowCounts;
  return isCount(read) && isCount(out) && isCount(rejected);
}
