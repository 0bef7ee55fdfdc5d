import {
  type PriorValues,
  type QualityStore,
  type StoredResult,
  selectResults,
  selectTrend,
  type TrendPoint,
  type TrendQuery,
} from "spine-core";
import type { PostgresPools } from "../../databases/postgres/postgres-pools.ts";
import {
  ATTEMPTS_READ,
  onePerRun,
  type QualityRow,
  RESULT_COLUMNS,
  readResult,
  readTrendPoint,
  TREND_COLUMNS,
} from "../quality-rows.ts";
import type { StateTables } from "../state-tables.ts";
import { isRunId } from "./run-id.ts";

/** What checks found, in a Postgres database. */
export class PostgresQualityStore implements QualityStore {
  readonly #pools: PostgresPools;
  readonly #t: StateTables;

  constructor({ pools, tables }: { readonly pools: PostgresPools; readonly tables: StateTables }) {
    this.#pools = pools;
    this.#t = tables;
  }

  async trend(query: TrendQuery): Promise<readonly TrendPoint[]> {
    const { workflow, step, check, limit, before } = selectTrend(query);
    if (before !== null && !isRunId(before.runId)) return [];
    const values: (string | number)[] = [workflow, check, limit];
    let where = "";
    if (step !== null) where += ` AND q.step_name = $${values.push(step)}`;
    if (before !== null) {
      const at = values.push(before.runId, before.event, before.position);
      where += ` AND (q.run_id, q.event_seq, q.position) < ($${at - 2}::uuid, $${at - 1}::int8, $${at}::int4)`;
    }
    const sql = `SELECT ${TREND_COLUMNS} FROM ${this.#t.quality_results} q
WHERE q.workflow_name = $1 AND q.check_name = $2${where}
ORDER BY q.run_id DESC, q.event_seq DESC, q.position DESC LIMIT $3`;
    return (await this.#pools.ask<QualityRow>("read", sql, values)).map(readTrendPoint);
  }

  async results(of: string): Promise<readonly StoredResult[]> {
    const runId = selectResults(of);
    if (!isRunId(runId)) return [];
    const sql = `SELECT ${RESULT_COLUMNS} FROM ${this.#t.quality_results} WHERE run_id = $1 ORDER BY event_seq, position`;
    return (await this.#pools.ask<QualityRow>("read", sql, [runId])).map(readResult);
  }

  async prior({ workflow, step, check, scope, before, limit }: PriorValues): Promise<readonly string[]> {
    const scoped = scope === null ? "" : " AND q.scope = $6";
    const values = [workflow, check, step, before, limit * ATTEMPTS_READ, ...(scope === null ? [] : [scope])];
    const sql = `SELECT q.run_id, q.actual FROM ${this.#t.quality_results} q
  JOIN ${this.#t.workflow_runs} r ON r.run_id = q.run_id
WHERE q.workflow_name = $1 AND q.check_name = $2 AND q.step_name = $3 AND q.run_id < $4::uuid${scoped}
  AND r.status = 'COMPLETED' AND q.actual IS NOT NULL AND q.status IN ('PASS', 'WARN', 'FAIL')
ORDER BY q.run_id DESC, q.event_seq DESC, q.position DESC LIMIT $5`;
    return onePerRun(await this.#pools.ask<{ run_id: string; actual: string }>("read", sql, values), limit);
  }
}
