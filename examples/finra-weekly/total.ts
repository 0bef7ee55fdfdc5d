import { fromUnits, toUnits } from "spine-core";
import { NO_RUN, type Summary } from "./summary.ts";

/** One JSON summary: that of the run, or the totals over the tiers of a sample week with each run in `runs`. */
export function total(runs: readonly Summary[]): Record<string, unknown> {
  const [first, ...others] = runs;
  if (!first) return { status: "FAILED", ...NO_RUN };
  if (others.length === 0) return { ...first };
  const sum = (of: (run: Summary) => number) => runs.reduce((so, run) => so + of(run), 0);
  const failed = runs.find(({ status, error }) => status !== "COMPLETED" || error !== null);
  const { status, execution_id, source, week_start, error, error_code, error_category } = failed ?? first;
  return {
    status,
    execution_id,
    source,
    week_start,
    tier: "ALL",
    rows: {
      in: sum(({ rows }) => rows.in),
      out: sum(({ rows }) => rows.out),
      rejected: sum(({ rows }) => rows.rejected),
    },
    shares: fromUnits(
      runs.reduce((so, run) => so + toUnits(run.shares, 6), 0n),
      6,
    ),
    trades: sum(({ trades }) => trades),
    symbols: sum(({ symbols }) => symbols),
    steps: runs.flatMap(({ tier, steps }) => steps.map((step) => ({ ...step, tier }))),
    warnings: runs.flatMap(({ tier, warnings }) => warnings.map((warning) => `${tier} ${warning}`)),
    duration: Math.max(...runs.map(({ duration }) => duration)),
    error,
    error_code,
    error_category,
    runs,
  };
}
