import {
  type Clock,
  type CountOptions,
  type RowCounts,
  type RunCount,
  type RunFilter,
  type RunStatistics,
  type RunTotals,
  selectCount,
  selectTotals,
  type TotalsQuery,
} from "spine-core";
import type { PostgresPools } from "../../databases/postgres/postgres-pools.ts";
import { planList } from "../list-plan.ts";
import { runTotals } from "../run-totals.ts";
import type { StateTables } from "../state-tables.ts";
import { listStatement } from "./list-statement.ts";

interface Options {
  readonly pools: PostgresPools;
  readonly tables: StateTables;
  readonly clock: Clock;
}

interface TotalsRow {
  readonly by_status: string | null;
  readonly capped: boolean;
  readonly oldest: string | null;
  readonly p50: number | null;
  readonly p95: number | null;
  readonly longest: number | null;
  readonly rows: string | null;
}

const COUNTED = { run_id: "r.run_id" };
const TIMED = {
  run_id: "r.run_id",
  status: "r.status",
  created_at: "r.created_at",
  started_at: "r.started_at",
  completed_at: "r.completed_at",
};

/** Figures about the runs in a Postgres database. */
export class PostgresRunStatistics implements RunStatistics {
  readonly #pools: PostgresPools;
  readonly #t: StateTables;
  readonly #clock: Clock;

  constructor({ pools, tables, clock }: Options) {
    this.#pools = pools;
    this.#t = tables;
    this.#clock = clock;
  }

  async count(filter: RunFilter, options: CountOptions = {}): Promise<RunCount> {
    const { selection, cap } = selectCount(filter, options, this.#clock.now());
    if (selection.statuses?.length === 0) return { count: 0, capped: false };
    const { sql, values } = listStatement(this.#t, planList(selection), COUNTED, cap + 1);
    const [row] = await this.#pools.ask<{ n: number }>(
      "read",
      `SELECT count(*) AS n FROM (${sql}) AS found`,
      values,
    );
    const count = row?.n ?? 0;
    return { count: Math.min(count, cap), capped: count > cap };
  }

  async totals(query: TotalsQuery): Promise<RunTotals> {
    const { selection, cap } = selectTotals(query, this.#clock.now());
    const { sql, values } = listStatement(this.#t, planList(selection), TIMED, cap + 1);
    const text = totalsSql(this.#t, sql, values.length);
    const [row] = await this.#pools.ask<TotalsRow>("read", text, [...values, cap]);
    const { p50 = null, p95 = null, longest = null } = row ?? {};
    return runTotals({
      byStatus: JSON.parse(row?.by_status ?? "{}") as RunTotals["byStatus"],
      capped: row?.capped ?? false,
      oldest: row?.oldest ?? null,
      duration: p50 === null || p95 === null || longest === null ? null : { p50, p95, max: longest },
      rows: JSON.parse(row?.rows ?? "{}") as Record<string, RowCounts>,
    });
  }
}

/** One statement, so that all figures are of one moment. `sql` finds the runs and one more, when there is one. */
function totalsSql(t: StateTables, sql: string, parameters: number): string {
  const share = (part: number) =>
    `percentile_disc(${part}) WITHIN GROUP (ORDER BY ms) FILTER (WHERE ms IS NOT NULL)`;
  return `WITH found AS MATERIALIZED (${sql}),
runs AS MATERIALIZED (
  SELECT *, round(extract(epoch FROM completed_at - started_at) * 1000)::int8 AS ms
  FROM found ORDER BY run_id DESC LIMIT $${parameters + 1}),
steps AS (
  SELECT s.step_type, json_build_object(
    'in', sum(s.rows_in), 'out', sum(s.rows_out), 'rejected', sum(s.rows_rejected)) AS counts
  FROM runs r JOIN ${t.workflow_step_runs} s ON s.run_id = r.run_id
  WHERE (s.status = 'COMPLETED') IS TRUE AND s.rows_in IS NOT NULL GROUP BY s.step_type)
SELECT min(created_at) AS oldest, ${share(0.5)} AS p50, ${share(0.95)} AS p95, max(ms) AS longest,
  (SELECT count(*) FROM found) > count(*) AS capped,
  (SELECT json_object_agg(status, n) FROM (SELECT status, count(*) AS n FROM runs GROUP BY status) AS c) AS by_status,
  (SELECT json_object_agg(step_type, counts) FROM steps) AS rows
FROM runs`;
}
