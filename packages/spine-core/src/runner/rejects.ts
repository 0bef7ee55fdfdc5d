import {
  aCount,
  anything,
  aText,
  checkOptions,
  type OptionKinds,
  oneOf,
  required,
} from "../check-options.ts";
import {
  REJECT_STATES,
  type RejectChoice,
  type RejectFilter,
  type RejectRecord,
  type RejectStore,
} from "../data/reject-store.ts";
import { ValidationError } from "../errors.ts";
import type { Row } from "../sources/source.ts";
import type { RunHandle, RunOptions } from "./runner.ts";

/** Which rejects of a run are driven again, and how. */
export interface RedriveOptions extends Omit<RejectChoice, "runId">, Pick<RunOptions, "key"> {
  /** Rows that stand in for those that were refused, by the `index` of their reject. */
  readonly edits?: Readonly<Record<number, Row>>;
  /** The parameters of the new run, those of the repeated one when left out. */
  readonly params?: unknown;
}

/**
 * The rows that steps refused, and what becomes of them. They stay where they are: a mark says what became of one.
 *
 * @example
 * const open = await spine.rejects.list({ runId, step: "clean", state: "OPEN" });
 * await spine.rejects.discard({ runId, step: "clean", code: "TEST_ROW" }, { reason: "rows of a test", by: "ann" });
 * const run = await spine.rejects.redrive(runId, { step: "clean", edits: { 3: { symbol: "ABC", shares: "5" } } });
 */
export interface Rejects<Run = RunHandle> {
  /** In the order in which they were met, at most 100 when nothing is said; `after` (an `index`) goes on within one step. */
  list(filter: RejectFilter): Promise<readonly RejectRecord[]>;
  /** Puts those that are OPEN aside; returns how many. */
  discard(choice: RejectChoice, why: { readonly reason: string; readonly by?: string }): Promise<number>;
  /** Makes those that are DISCARDED OPEN again; returns how many. */
  restore(choice: RejectChoice): Promise<number>;
  /**
   * Starts a run of the same workflow, linked (`rerunOf`), that begins at the step which refused the rows (or, for those of a fetch,
   * behind it), and whose input there is nothing but these rows: an ingest does not read its source. Without `code` and `indexes`: all that are OPEN. What a load
   * writes is added to what is there.
   *
   * @throws SpineError RUN_CONFLICT where nothing is OPEN, or somebody else drives one of them again; UNKNOWN_WORKFLOW;
   *   VALIDATION_FAILED for a step that refuses no rows.
   */
  redrive(runId: string, options: RedriveOptions): Promise<Run>;
}

const CHOICE: OptionKinds<RejectChoice> = {
  runId: required(aText),
  step: required(aText),
  code: aText,
  indexes: {
    is: "a list of positions among the step's rejects",
    fits: (value) => Array.isArray(value) && value.every(aCount.fits),
  },
};
const LIST: OptionKinds<RejectFilter> = {
  runId: required(aText),
  step: aText,
  code: aText,
  state: oneOf(REJECT_STATES),
  limit: aCount,
  after: aCount,
};
const WHY = { reason: required(aText), by: aText };
const { step, code, indexes } = CHOICE;
const REDRIVE: OptionKinds<RedriveOptions> = {
  step,
  code,
  indexes,
  // Checked by itself, as are those of a run.
  edits: anything,
  params: anything,
  key: anything,
};

export function rejectsOf<Run>(
  store: RejectStore,
  redrive: (runId: string, options: RedriveOptions) => Promise<Run>,
): Rejects<Run> {
  return {
    list: async (filter) => {
      checkOptions(filter, LIST, { of: "rejects.list", name: "filter" });
      return await store.list(filter);
    },
    discard: async (choice, why) => {
      checkOptions(choice, CHOICE, { of: "rejects.discard", name: "choice" });
      checkOptions(why, WHY, { of: "a discard", name: "why" });
      return await store.discard(choice, { reason: why.reason, by: why.by ?? null });
    },
    restore: async (choice) => {
      checkOptions(choice, CHOICE, { of: "rejects.restore", name: "choice" });
      return await store.restore(choice);
    },
    redrive: async (runId, options) => {
      checkOptions(options, REDRIVE, { of: "a redrive" });
      checkEdits(options.edits);
      return await redrive(runId, options);
    },
  };
}

function checkEdits(edits: unknown): void {
  if (edits === undefined) return;
  const isRow = (value: unknown) => typeof value === "object" && value !== null && !Array.isArray(value);
  const isEdit = ([index, row]: readonly [string, unknown]) => /^\d+$/.test(index) && isRow(row);
  if (isRow(edits) && Object.entries(edits as object).every(isEdit)) return;
  const message = "are rows by the `index` of the reject that they stand in for";
  throw new ValidationError(`The \`edits\` of a redrive ${message}.`, {
    detail: { issues: [{ path: "/edits", message }] },
  });
}
