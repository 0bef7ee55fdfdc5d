import { anything, checkOptions, type OptionKinds } from "../check-options.ts";
import { shown } from "../shown.ts";
import type { RowCounts, RunStatus } from "./records.ts";
import {
  checkFilter,
  DEFAULT_WINDOW_MS,
  type RunFilter,
  type RunSelection,
  refusal,
  selectRuns,
} from "./run-query.ts";

export interface CountOptions {
  /** Counting ends here: a number that nobody reads to its end is not worth its time. 1,000 when left out, 100,000 at most. */
  readonly cap?: number;
}

export interface RunCount {
  readonly count: number;
  /** True when there are more than `count`. */
  readonly capped: boolean;
}

/** Which runs are summed up: those created in a window, of one workflow or all. */
export interface TotalsQuery {
  readonly workflow?: string;
  /** As in `RunFilter`; 7 days before `until` when left out. */
  readonly since?: number;
  /** Now when left out. */
  readonly until?: number;
  /** The newest runs of the window that are looked at; 10,000 when left out, 100,000 at most. */
  readonly cap?: number;
}

/** What the runs of a window come to. */
export interface RunTotals {
  readonly runs: number;
  /** True when the window holds more runs: the figures are those of the newest ones. */
  readonly capped: boolean;
  /** When the oldest of these runs was created, ISO text; null when there are none. */
  readonly oldest: string | null;
  readonly byStatus: Readonly<Record<RunStatus, number>>;
  /** COMPLETED of those that completed or failed, 0 to 1; null when none has. */
  readonly successRate: number | null;
  /** From start to end of the runs that have ended, waiting included, in ms; null when none has. */
  readonly duration: { readonly p50: number; readonly p95: number; readonly max: number } | null;
  /**
   * What completed steps counted, by kind of step. A row that is fetched, transformed and loaded is counted in each: rows
   * that came in are `fetch.in`, rows that arrived are `load.out`.
   */
  readonly rows: Readonly<Record<string, RowCounts>>;
}

/**
 * Figures about many runs. Each has a cap, so that it costs about the same on any history. Conformance suite:
 * `testRunStatistics` in `spine-core/testing`.
 */
export interface RunStatistics {
  count(filter: RunFilter, options?: CountOptions): Promise<RunCount>;
  totals(query: TotalsQuery): Promise<RunTotals>;
}

const COUNT_CAP = 1_000;
const TOTALS_CAP = 10_000;
const MOST = 100_000;
/** Each is checked by itself. */
const COUNT: OptionKinds<CountOptions> = { cap: anything };
const TOTALS: OptionKinds<TotalsQuery> = {
  workflow: anything,
  since: anything,
  until: anything,
  cap: anything,
};

/** A count as a store carries it out; for implementers. */
export function selectCount(
  filter: RunFilter,
  options: CountOptions,
  now: number,
): { readonly selection: RunSelection; readonly cap: number } {
  checkFilter(filter);
  checkOptions(options, COUNT, { of: "a count" });
  const { cap = COUNT_CAP } = options;
  return { selection: selectRuns(filter, now), cap: checkCap(cap) };
}

/** A summary as a store carries it out; for implementers. */
export function selectTotals(
  query: TotalsQuery,
  now: number,
): { readonly selection: RunSelection; readonly cap: number } {
  checkOptions(query, TOTALS, { of: "a query of totals", called: "field", name: "query" });
  const { workflow, since, until, cap = TOTALS_CAP } = query;
  const filter = {
    ...(workflow === undefined ? {} : { workflow }),
    ...(until === undefined ? {} : { until }),
    since: since ?? Math.max(0, (until ?? now) - DEFAULT_WINDOW_MS),
  };
  return { selection: selectRuns(filter, now), cap: checkCap(cap) };
}

function checkCap(cap: number): number {
  if (Number.isInteger(cap) && cap >= 1 && cap <= MOST) return cap;
  throw refusal("cap", `is ${shown(cap)}; it must be a whole number from 1 to ${MOST}`);
}
