import { textOf } from "../errors.ts";
import type { Row } from "../sources/source.ts";
import { MAX_SAMPLES } from "./define-check.ts";
import type {
  QualityAccumulator,
  QualityCheck,
  QualityFinding,
  QualityInput,
  QualityReport,
  QualityResult,
} from "./quality-check.ts";

const MAX_TEXT = 500;

/** Checks under way over the rows of one dataset. */
export interface RunningChecks {
  /** Shows the next rows, in order, to every check. */
  add(rows: readonly Row[]): void;
  /** The verdict; call it once, after the last row. */
  finish(): QualityReport;
}

/**
 * Starts checks: one pass over the rows, whatever the number of checks. A check that throws gets the status
 * ERROR, sees no further rows, and harms no other check: it is a bug in the check, not in the data. The
 * report has passed when no blocking check ended in FAIL or ERROR; a gate that crashed has let nothing through.
 */
export function startChecks(checks: readonly QualityCheck[], input: QualityInput): RunningChecks {
  const running = checks.map((check) => startCheck(check, input));
  return {
    add(rows) {
      for (const one of running) one.add(rows);
    },
    finish() {
      const results = Object.freeze(running.map((one) => one.finish()));
      const passed = !results.some(
        ({ blocking, status }) => blocking && (status === "FAIL" || status === "ERROR"),
      );
      return Object.freeze({ passed, results });
    },
  };
}

function startCheck(check: QualityCheck, input: QualityInput) {
  let crash: { readonly error: unknown } | undefined;
  let accumulator: QualityAccumulator<Row> | undefined;
  let rowsTested = 0;
  const guarded = (work: () => void) => {
    if (crash) return;
    try {
      work();
    } catch (error) {
      crash = { error };
    }
  };
  guarded(() => {
    accumulator = check.start(input) as unknown as QualityAccumulator<Row>;
  });
  return {
    add: (rows: readonly Row[]) =>
      guarded(() => {
        for (const row of rows) {
          accumulator?.add(row);
          rowsTested += 1;
        }
      }),
    finish(): QualityResult {
      let finding: QualityFinding | undefined;
      guarded(() => {
        finding = accumulator?.finish();
        if (!finding) throw new Error("finish() returned nothing");
      });
      return crash || !finding ? crashed(check, crash?.error, rowsTested) : found(check, finding, rowsTested);
    },
  };
}

function found(check: QualityCheck, finding: QualityFinding, rowsTested: number): QualityResult {
  const { actual = null, expected = null } = finding;
  return Object.freeze({
    ...headOf(check),
    status: finding.status,
    message: clean(finding.message),
    // A report is stored as JSON, which has no form for NaN and infinities.
    actual:
      typeof actual === "number"
        ? Number.isFinite(actual)
          ? actual
          : String(actual)
        : actual && clean(actual),
    expected: expected && clean(expected),
    rowsTested,
    rowsFailed: finding.rowsFailed ?? 0,
    samples: Object.freeze((finding.samples ?? []).slice(0, MAX_SAMPLES).map(clean)),
  });
}

function crashed(check: QualityCheck, error: unknown, rowsTested: number): QualityResult {
  return Object.freeze({
    ...headOf(check),
    status: "ERROR",
    message: clean(`the check itself crashed: ${textOf(error)}`),
    actual: null,
    expected: null,
    rowsTested,
    rowsFailed: 0,
    samples: Object.freeze([]),
  });
}

function headOf({ name, category, blocking }: QualityCheck) {
  return { check: name, category, blocking };
}

/** Samples quote rows: what no database takes is made visible, and a row of a megabyte is cut. */
function clean(text: string): string {
  const cut = text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text;
  return cut.toWellFormed().replaceAll("\0", "␀");
}
