import { setImmediate } from "node:timers/promises";
import {
  type Clock,
  type CountOptions,
  type RowCounts,
  type RunCount,
  type RunFilter,
  type RunStatistics,
  type RunStatus,
  type RunTotals,
  selectCount,
  selectTotals,
  type TotalsQuery,
} from "spine-core";
import type { SqlitePool } from "../../databases/sqlite/sqlite-pool.ts";
import { planList } from "../list-plan.ts";
import { runTotals } from "../run-totals.ts";
import type { StateTables } from "../state-tables.ts";
import { slicesOf } from "./list-runs.ts";
import { listStatement } from "./list-statement.ts";

interface Options {
  readonly pool: SqlitePool;
  readonly tables: StateTables;
  readonly clock: Clock;
}

/** Runs that are summed up in one go: other work of the process comes in between. */
const SLICE = 1_000;
const COLUMNS = ["run_id", "status", "created_at", "started_at", "completed_at"];

type TimedRun = readonly [
  runId: string,
  status: RunStatus,
  createdAt: string,
  startedAt: string | null,
  completedAt: string | null,
];
type StepRows = readonly [kind: string, rowsIn: number, rowsOut: number, rejected: number];

/** Figures about the runs in a SQLite database. */
export class SqliteRunStatistics implements RunStatistics {
  readonly #pool: SqlitePool;
  readonly #t: StateTables;
  readonly #clock: Clock;

  constructor({ pool, tables, clock }: Options) {
    this.#pool = pool;
    this.#t = tables;
    this.#clock = clock;
  }

  async count(filter: RunFilter, options: CountOptions = {}): Promise<RunCount> {
    const { selection, cap } = selectCount(filter, options, this.#clock.now());
    let count = 0;
    for await (const slice of slicesOf(this.#pool, this.#t, planList(selection))) {
      const { sql, values } = listStatement(this.#t, slice, ["run_id"]);
      const [row] = await this.#pool.read((connection) =>
        connection.arrays(`SELECT count(*) FROM (${sql})`, ...values, cap + 1 - count),
      );
      count += Number(row?.[0]);
      if (count > cap) return { count: cap, capped: true };
    }
    return { count, capped: false };
  }

  async totals(query: TotalsQuery): Promise<RunTotals> {
    const { selection, cap } = selectTotals(query, this.#clock.now());
    const byStatus: Partial<Record<RunStatus, number>> = {};
    const durations: number[] = [];
    const rows: Record<string, RowCounts> = {};
    let [left, capped] = [cap, false];
    let oldest: string | null = null;
    for (let plan = planList(selection); ; ) {
      const size = Math.min(SLICE, left);
      const { runs, steps } = await this.#slice(plan, size + 1);
      for (const [, status, createdAt, startedAt, completedAt] of runs.slice(0, size)) {
        byStatus[status] = (byStatus[status] ?? 0) + 1;
        oldest = createdAt;
        if (startedAt && completedAt) durations.push(Date.parse(completedAt) - Date.parse(startedAt));
      }
      for (const [kind, rowsIn, rowsOut, rejected] of steps) {
        const sum = rows[kind] ?? { in: 0, out: 0, rejected: 0 };
        rows[kind] = { in: sum.in + rowsIn, out: sum.out + rowsOut, rejected: sum.rejected + rejected };
      }
      left -= size;
      capped = runs.length > size;
      const below = runs[size - 1]?.[0];
      if (!capped || left === 0 || below === undefined) break;
      plan = { ...plan, below };
      await setImmediate();
    }
    return runTotals({ byStatus, capped, oldest, duration: durationOf(durations), rows });
  }

  /** Runs, and what the steps of all but the last one counted. */
  async #slice(plan: ReturnType<typeof planList>, limit: number) {
    const { sql, values } = listStatement(this.#t, plan, COLUMNS);
    return await this.#pool.read((connection) => {
      const runs = connection.arrays(sql, ...values, limit) as unknown as readonly TimedRun[];
      const ids = runs.slice(0, limit - 1).map(([runId]) => runId);
      const steps = connection.arrays(
        `SELECT s.step_type, sum(s.rows_in), sum(s.rows_out), sum(s.rows_rejected)
FROM json_each(?) j CROSS JOIN ${this.#t.workflow_step_runs} s ON s.run_id = j.value
WHERE s.status = 'COMPLETED' AND s.rows_in IS NOT NULL GROUP BY s.step_type`,
        JSON.stringify(ids),
      ) as unknown as readonly StepRows[];
      return { runs, steps };
    });
  }
}

/** The value that so much of them does not exceed is one of them. */
function durationOf(times: readonly number[]): RunTotals["duration"] {
  if (times.length === 0) return null;
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.ceil(share * sorted.length) - 1] ?? 0;
  return { p50: at(0.5), p95: at(0.95), max: at(1) };
}
