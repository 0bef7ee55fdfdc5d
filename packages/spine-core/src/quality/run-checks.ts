import { type ColumnBlock, rowsOf } from "../data/column-block.ts";
import { textOf } from "../errors.ts";
import type { JsonValue } from "../json.ts";
import { shown } from "../shown.ts";
import type { Row } from "../sources/source.ts";
import { MAX_SAMPLES } from "./define-check.ts";
import { type InspectionServices, inspectAll } from "./inspect-checks.ts";
import type {
  QualityAccumulator,
  QualityCheck,
  QualityFinding,
  QualityInput,
  QualityInspection,
  QualityReport,
  QualityResult,
  QualityStatus,
} from "./quality-check.ts";

const MAX_TEXT = 500;

/** Checks under way over the rows of one dataset. */
export interface RunningChecks {
  /** Shows the next rows, in order, to every check. */
  add(rows: readonly Row[]): void;
  /** The same with rows by their columns. */
  addColumns(block: ColumnBlock): void;
  /** Once, after the last row: what checks have to ask beside the rows. Rejects when it is aborted only. */
  inspect(services: InspectionServices): Promise<void>;
  /** The verdict; call it once, after the last row. */
  finish(): QualityReport;
  /** What has been counted so far, to go on with in other checks of the same list; null where one of them cannot. */
  save(): JsonValue | null;
  /** Goes on where `save` was called. Before the first row. */
  restore(state: JsonValue): void;
}

interface StartOptions {
  /** True where what is known of the input is known at its end only: whether a check means anything is asked then, before `inspect`. */
  readonly late?: boolean;
}

/**
 * Starts checks: one pass over the rows, whatever the number of checks. A check that throws gets the status
 * ERROR, sees no further rows, and harms no other check: it is a bug in the check, not in the data. The
 * report has passed when no blocking check ended in FAIL or ERROR; a gate that crashed has let nothing through.
 */
export function startChecks(
  checks: readonly QualityCheck[],
  input: QualityInput,
  { late = false }: StartOptions = {},
): RunningChecks {
  const running = checks.map((check) => startCheck(check, input, late));
  return {
    add(rows) {
      for (const one of running) one.add(rows);
    },
    addColumns(block) {
      // Rows are made once, for the checks that need them.
      let rows: readonly Row[] | undefined;
      const rowsOnce = () => {
        rows ??= rowsOf(block);
        return rows;
      };
      for (const one of running) one.addColumns(block, rowsOnce);
    },
    inspect: (services) => inspectAll(running, services),
    finish() {
      const results = Object.freeze(running.map((one) => one.finish()));
      const passed = !results.some(
        ({ blocking, status }) => blocking && (status === "FAIL" || status === "ERROR"),
      );
      return Object.freeze({ passed, results });
    },
    save() {
      const states = running.map((one) => one.save());
      return states.every((state) => state !== null) ? states : null;
    },
    restore(state) {
      for (const [index, one] of (state as unknown as readonly SavedCheck[]).entries())
        running[index]?.restore(one);
    },
  };
}

/** A check under way as it is saved. */
interface SavedCheck {
  readonly rowsTested: number;
  /** Why it crashed; null where it did not. */
  readonly crash: string | null;
  readonly state: JsonValue;
}

function startCheck(check: QualityCheck, input: QualityInput, late: boolean) {
  let crash: { readonly error: unknown } | undefined;
  let accumulator: QualityAccumulator<Row> | undefined;
  let rowsTested = 0;
  let skipped = false;
  const fail = (error: unknown) => {
    crash ??= { error };
  };
  const guarded = (work: () => void) => {
    if (crash || skipped) return;
    try {
      work();
    } catch (error) {
      fail(error);
    }
  };
  const decide = () => {
    skipped = check.when !== undefined && !check.when(input);
  };
  guarded(() => {
    if (!late) decide();
    if (!skipped) accumulator = check.start(input) as unknown as QualityAccumulator<Row>;
  });
  const add = (rows: readonly Row[]) =>
    guarded(() => {
      for (const row of rows) {
        accumulator?.add(row);
        rowsTested += 1;
      }
    });
  return {
    add,
    addColumns(block: ColumnBlock, rows: () => readonly Row[]) {
      if (crash || skipped) return;
      if (!accumulator?.addColumns) {
        add(rows());
        return;
      }
      guarded(() => {
        accumulator?.addColumns?.(block);
        rowsTested += block.rows;
      });
    },
    fail,
    inspect(): QualityInspection | null {
      let inspection: QualityInspection | null = null;
      if (late) guarded(decide);
      guarded(() => {
        inspection = accumulator?.inspect?.() ?? null;
      });
      return inspection;
    },
    finish(): QualityResult {
      if (skipped) return plain(check, "SKIPPED", "the check's `when` says that it means nothing here", 0);
      let finding: QualityFinding | undefined;
      guarded(() => {
        const said = accumulator?.finish();
        refuseOther(said);
        finding = said;
      });
      if (!crash && finding) return found(check, finding, rowsTested);
      return plain(check, "ERROR", `the check itself crashed: ${textOf(crash?.error)}`, rowsTested);
    },
    save(): JsonValue | null {
      if (skipped || crash) return { rowsTested, crash: crash ? textOf(crash.error) : null, state: null };
      if (!accumulator?.save || !accumulator.restore) return null;
      return { rowsTested, crash: null, state: accumulator.save() };
    },
    restore(saved: SavedCheck) {
      if (skipped) return;
      rowsTested = saved.rowsTested;
      if (saved.crash !== null) fail(saved.crash);
      guarded(() => accumulator?.restore?.(saved.state));
    },
  };
}

const VERDICTS: readonly unknown[] = ["PASS", "WARN", "FAIL", "SKIPPED"];

/** A check of one's own may say anything: what is no verdict lets nothing through. */
function refuseOther(said: QualityFinding | undefined): asserts said is QualityFinding {
  if (!said) throw new Error("finish() returned nothing");
  const { status, message } = said as Partial<QualityFinding>;
  if (!VERDICTS.includes(status))
    throw new Error(`finish() returned the status ${shown(status)}; a verdict is ${VERDICTS.join(", ")}`);
  if (typeof message !== "string") throw new Error("finish() returned no message");
}

function found(check: QualityCheck, finding: QualityFinding, rowsTested: number): QualityResult {
  const { actual = null, expected = null, scope } = finding;
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
    ...(scope === undefined ? {} : { scope: clean(scope) }),
  });
}

/** A result of a check that found nothing out. */
function plain(
  check: QualityCheck,
  status: QualityStatus,
  message: string,
  rowsTested: number,
): QualityResult {
  return Object.freeze({
    ...headOf(check),
    status,
    message: clean(message),
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
