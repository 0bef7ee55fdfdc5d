import { aText, checkArgument, checkOptions, type OptionKinds, required } from "../check-options.ts";
import type { QualityResult, QualityStatus } from "../quality/quality-check.ts";

export interface TrendQuery {
  /** The name of the workflow. */
  readonly workflow: string;
  /** The path of the quality step; all of the workflow's when left out. */
  readonly step?: string;
  /** The name of the check. */
  readonly check: string;
  /** At most this many; 100 when left out, 1,000 at most. */
  readonly limit?: number;
  /** Only what is older than this one: the `key` of the last that is known. */
  readonly before?: string;
}

/** What a check found once. */
export interface TrendPoint {
  /** Where to go on: `before` of the next query. */
  readonly key: string;
  readonly runId: string;
  readonly step: string;
  /** When it was recorded, ISO time of the database. */
  readonly at: string;
  readonly status: QualityStatus;
  /** As text, whatever it is: numbers and decimals too. */
  readonly actual: string | null;
  readonly rowsTested: number;
  readonly rowsFailed: number;
}

/** A result as stored. */
export interface StoredResult extends Omit<QualityResult, "actual"> {
  readonly runId: string;
  readonly step: string;
  readonly actual: string | null;
  readonly at: string;
}

/** Which values of earlier runs are asked for. */
export interface PriorValues {
  readonly workflow: string;
  readonly step: string;
  readonly check: string;
  /** Only results with this scope; null: with any, or none. */
  readonly scope: string | null;
  /** Only runs that were made before this one. */
  readonly before: string;
  readonly limit: number;
}

/** What checks found. */
export interface QualityHistory {
  /**
   * What one check found from run to run, newest first (by when the runs were made), read from an index.
   *
   * @throws ValidationError whose message and `detail` name the field.
   * @example
   * const points = await spine.quality.trend({ workflow: "demo.trades", check: "recordCount", limit: 30 });
   * const older = await spine.quality.trend({ workflow: "demo.trades", check: "recordCount", before: points.at(-1)?.key ?? "" });
   */
  trend(query: TrendQuery): Promise<readonly TrendPoint[]>;
  /** All results of a run, in the order in which they were recorded; of a step that was done again, those of each time. */
  results(runId: string): Promise<readonly StoredResult[]>;
}

/** Where results are read from. Conformance suite: `testHistoryStore`, which writes them with its transitions. */
export interface QualityStore extends QualityHistory {
  /** The newest values that a check found in completed runs, one of each, newest first. */
  prior(query: PriorValues): Promise<readonly string[]>;
}

/** Where a page ends: a result of a run. For implementers of stores. */
export interface TrendKey {
  readonly runId: string;
  readonly event: number;
  readonly position: number;
}

const KEY = /^([^/]{1,100})\/(\d{1,15})\/(\d{1,9})$/;
const TREND: OptionKinds<TrendQuery> = {
  workflow: required(aText),
  step: aText,
  check: required(aText),
  limit: {
    is: "a whole number from 1 to 1,000",
    fits: (value) => Number.isInteger(value) && Number(value) >= 1,
  },
  before: { is: "the `key` of a result", fits: (value) => typeof value === "string" && KEY.test(value) },
};

/** Which results are asked for; for implementers of stores. @throws ValidationError */
export function selectTrend(query: TrendQuery): {
  readonly workflow: string;
  readonly step: string | null;
  readonly check: string;
  readonly limit: number;
  readonly before: TrendKey | null;
} {
  checkOptions(query, TREND, { of: "a trend", called: "field", name: "query" });
  const { workflow, step = null, check, limit = 100, before } = query;
  const [, runId, event, position] = before === undefined ? [] : (KEY.exec(before) ?? []);
  const key = runId === undefined ? null : { runId, event: Number(event), position: Number(position) };
  return { workflow, step, check, limit: Math.min(limit, 1_000), before: key };
}

/** The run whose results are asked for; for implementers of stores. @throws ValidationError */
export function selectResults(runId: unknown): string {
  checkArgument("runId", runId, aText, { of: "quality results" });
  return runId as string;
}

/** The `key` of a result; for implementers of stores. */
export function trendKey({ runId, event, position }: TrendKey): string {
  return `${runId}/${event}/${position}`;
}
