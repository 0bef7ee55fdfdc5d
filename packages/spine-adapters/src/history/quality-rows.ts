import {
  decodeJson,
  type QualityCategory,
  type QualityStatus,
  type StoredResult,
  type TrendPoint,
  trendKey,
} from "spine-core";

/** A row of `quality_results`. */
export interface QualityRow {
  readonly run_id: string;
  readonly event_seq: number;
  readonly position: number;
  readonly step_name: string;
  readonly check_name: string;
  readonly category: QualityCategory;
  readonly status: QualityStatus;
  readonly blocking: boolean | number;
  readonly message: string;
  readonly actual: string | null;
  readonly expected: string | null;
  readonly rows_tested: number;
  readonly rows_failed: number;
  readonly samples: string;
  readonly scope: string | null;
  readonly recorded_at: string;
}

export const TREND_COLUMNS =
  "q.run_id, q.event_seq, q.position, q.step_name, q.recorded_at, q.status, q.actual, q.rows_tested, q.rows_failed";
export const RESULT_COLUMNS = `run_id, step_name, check_name, category, status, blocking, message, actual, expected,
  rows_tested, rows_failed, samples, scope, recorded_at`;

/** One of a trend, as the port has it. */
export function readTrendPoint(row: QualityRow): TrendPoint {
  return {
    key: trendKey({ runId: row.run_id, event: row.event_seq, position: row.position }),
    runId: row.run_id,
    step: row.step_name,
    at: row.recorded_at,
    status: row.status,
    actual: row.actual,
    rowsTested: row.rows_tested,
    rowsFailed: row.rows_failed,
  };
}

/** A result as the port has it. */
export function readResult(row: QualityRow): StoredResult {
  return {
    runId: row.run_id,
    step: row.step_name,
    check: row.check_name,
    category: row.category,
    status: row.status,
    blocking: Boolean(row.blocking),
    message: row.message,
    actual: row.actual,
    expected: row.expected,
    rowsTested: row.rows_tested,
    rowsFailed: row.rows_failed,
    samples: decodeJson(row.samples) as unknown as readonly string[],
    ...(row.scope === null ? {} : { scope: row.scope }),
    at: row.recorded_at,
  };
}

/** The newest value of each run, of rows in that order. */
export function onePerRun(
  rows: readonly { readonly run_id: string; readonly actual: string }[],
  limit: number,
): readonly string[] {
  const values = new Map<string, string>();
  for (const { run_id, actual } of rows) if (!values.has(run_id)) values.set(run_id, actual);
  return [...values.values()].slice(0, limit);
}

/** Results of one run that a query for the newest ones of several may meet: of attempts that were made again. */
export const ATTEMPTS_READ = 4;
