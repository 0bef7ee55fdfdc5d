import {
  type ErrorJson,
  type LoadResult,
  type QualityReport,
  type RunDetail,
  type RunRecord,
  type Spine,
  SpineError,
} from "spine-core";
import { newerCapture, weekTotals } from "spine-finra";
import { inCommandWords } from "./command-words.ts";

export interface StepSummary {
  readonly name: string;
  readonly status: string;
  /** Seconds over all attempts. */
  readonly duration: number;
  readonly attempts: number;
  readonly rows: { readonly in: number; readonly out: number; readonly rejected: number } | null;
}

/** What the command prints as JSON for one run; the keys are those of the API's status answer. */
export interface Summary {
  readonly status: string;
  readonly execution_id: string;
  readonly tier: string;
  readonly week_start: string;
  readonly source: string;
  readonly rows: { readonly in: number; readonly out: number; readonly rejected: number };
  /** True when the partition held the same content already. */
  readonly unchanged: boolean;
  /** Totals of the partition as it stands in the table. Quantities are decimal texts. */
  readonly shares: string;
  readonly trades: number;
  readonly symbols: number;
  readonly steps: readonly StepSummary[];
  readonly quality: QualityReport["results"];
  readonly rejects: Readonly<Record<string, number>>;
  /** What is odd about the partition as it stands now; nothing was stopped by it. */
  readonly warnings: readonly string[];
  readonly duration: number;
  readonly error: string | null;
  readonly error_code: string | null;
  readonly error_category: string | null;
}

/** Gathers the summary of a finished run from the history and the table. */
export async function summarize(spine: Spine, runId: string, source: string): Promise<Summary> {
  const detail = await spine.get(runId);
  const { run } = detail;
  const { week_start = "", tier = "" } = run.partition ?? {};
  const week = { week_start, tier };
  const totals = await weekTotals(spine.database, week);
  const newer = run.status === "COMPLETED" ? await newerCapture(spine.database, week) : null;
  const steps = stepsOf(detail);
  const rejects = await rejectsByCode(spine, runId, steps);
  const rowsOf = (name: string) => steps.find((step) => step.name === name)?.rows;
  const output = (name: string) => detail.steps.findLast((step) => step.name === name)?.output as unknown;
  const quality = (output("quality") as QualityReport | null | undefined)?.results ?? [];
  return {
    status: run.status,
    execution_id: run.runId,
    tier,
    week_start,
    source,
    rows: {
      in: rowsOf("fetch")?.in ?? 0,
      out: rowsOf("load")?.out ?? 0,
      rejected: steps.reduce((sum, step) => sum + (step.rows?.rejected ?? 0), 0),
    },
    unchanged: (output("load") as { unchanged?: boolean } | null | undefined)?.unchanged ?? false,
    shares: totals.shares,
    trades: totals.trades,
    symbols: totals.symbols,
    steps,
    quality,
    rejects,
    warnings: [...shrunk(output("load")), ...warningsOf(quality, rejects, newer)],
    duration: seconds(run.startedAt, run.completedAt),
    ...errorKeys(run.error),
  };
}

/** The summary of a run that could not be summed up: that it ended, how, and why no more is said. */
export function unreported(run: RunRecord, source: string, error: SpineError): Summary {
  return {
    ...NO_RUN,
    status: run.status,
    execution_id: run.runId,
    tier: run.partition?.tier ?? "",
    week_start: run.partition?.week_start ?? "",
    source,
    duration: seconds(run.startedAt, run.completedAt),
    ...errorKeys(error.toJSON()),
    error: `The run ended as ${run.status}, but its report failed, so that the figures here are empty: ${error.message}`,
  };
}

/** A capture with fewer rows than this share of the one that it replaces is worth a look. */
const SMALLEST_SHARE = 0.5;

/** A file that was cut off between two lines looks whole; that it replaced far more rows than it has does not. */
function shrunk(load: unknown): readonly string[] {
  const { inserted = 0, superseded = 0 } = (load ?? {}) as Partial<LoadResult>;
  if (inserted >= superseded * SMALLEST_SHARE) return [];
  return [
    `WARN: the ${superseded} rows of the partition were replaced by ${inserted}. If the file was cut off, load it again whole; the replaced rows are in the table's captures.`,
  ];
}

/** What somebody should look at although the run went through. */
function warningsOf(
  quality: QualityReport["results"],
  { WEEK_MISMATCH: misdated = 0 }: Readonly<Record<string, number>>,
  newer: string | null,
): readonly string[] {
  const refused = quality.find(({ check, status }) => check === "rejectShare" && status === "WARN");
  return [
    ...(refused ? [`WARN: ${refused.message}: see \`rejects\` for the reasons.`] : []),
    ...(misdated > 0
      ? [
          `WARN: ${misdated} ${misdated === 1 ? "row is" : "rows are"} dated otherwise than the week and not loaded (WEEK_MISMATCH). If FINRA restated them, name the week: --week-ending DATE.`,
        ]
      : []),
    ...(newer === null
      ? []
      : [
          `WARN: rows dated ${newer} were replaced by older ones. Load the newer file again if that was not meant.`,
        ]),
  ];
}

/** The error's three keys on the wire. */
function errorKeys(error: ErrorJson | null): Pick<Summary, "error" | "error_code" | "error_category"> {
  return {
    error: error ? inCommandWords(error.message) : null,
    error_code: error?.code ?? null,
    error_category: error?.category ?? null,
  };
}

/** A summary of no run: every key that a program may count on, with nothing in it. */
export const NO_RUN = Object.freeze({
  execution_id: null,
  tier: null,
  week_start: null,
  source: null,
  rows: { in: 0, out: 0, rejected: 0 },
  unchanged: false,
  shares: "0",
  trades: 0,
  symbols: 0,
  steps: [],
  quality: [],
  rejects: {},
  warnings: [],
  duration: 0,
} as const);

/** The summary line for a command that failed before there was a run. */
export function failedBeforeRun(error: unknown): Record<string, unknown> {
  return { status: "FAILED", ...NO_RUN, ...errorKeys(SpineError.from(error, "INTERNAL").toJSON()) };
}

/** What is known of a run that an interrupted command leaves behind. */
export interface InterruptedRun {
  readonly runId: string;
  readonly tier: string;
  readonly week_start: string;
}

/** The summary line for a command that was stopped: the run that it waited for, if any, is not over. */
export function interrupted(run: InterruptedRun | null, error: unknown): Record<string, unknown> {
  const keys = errorKeys(SpineError.from(error, "STOPPED").toJSON());
  if (run === null) return { status: "CANCELLED", ...NO_RUN, ...keys };
  const { runId: execution_id, tier, week_start } = run;
  return { status: "PENDING", ...NO_RUN, execution_id, tier, week_start, ...keys };
}

function stepsOf(detail: RunDetail): readonly StepSummary[] {
  const names = [...new Set(detail.steps.map((step) => step.name))];
  return names.map((name) => {
    const attempts = detail.steps.filter((step) => step.name === name);
    const last = attempts.at(-1);
    return {
      name,
      status: last?.status ?? "PENDING",
      duration: attempts.reduce(
        (sum, { startedAt, completedAt }) => sum + seconds(startedAt, completedAt),
        0,
      ),
      attempts: attempts.length,
      rows: last?.rows ?? null,
    };
  });
}

/** Rejects are read in pages, so that a file of nothing else does not fill the memory. */
const REJECTS_AT_A_TIME = 1_000;

async function rejectsByCode(
  spine: Spine,
  runId: string,
  steps: readonly StepSummary[],
): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { name: step } of steps) {
    for (let after: number | undefined = -1; after !== undefined; ) {
      const page: Awaited<ReturnType<Spine["datasets"]["rejects"]>> = await spine.datasets.rejects({
        runId,
        step,
        after,
        limit: REJECTS_AT_A_TIME,
      });
      for (const { code } of page) counts[code] = (counts[code] ?? 0) + 1;
      after = page.at(-1)?.index;
    }
  }
  return counts;
}

function seconds(from: string | null, to: string | null): number {
  return from && to ? (Date.parse(to) - Date.parse(from)) / 1000 : 0;
}
