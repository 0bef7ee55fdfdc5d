import {
  type PriorValues,
  type QualityStore,
  type StoredResult,
  selectResults,
  selectTrend,
  type TrendPoint,
  type TrendQuery,
} from "spine-core";
import type { SqlValue } from "../../databases/sqlite/sqlite-connection.ts";
import type { SqlitePool } from "../../databases/sqlite/sqlite-pool.ts";
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

/** A page of a trend: of a workflow and a check, and where more is asked for. */
export function trendSql(t: StateTables, where: string): string {
  return `SELECT ${TREND_COLUMNS} FROM ${t.quality_results} q
WHERE q.workflow_name = ? AND q.check_name = ?${where}
ORDER BY q.run_id DESC, q.event_seq DESC, q.position DESC LIMIT ?`;
}

/** What checks found, in a SQLite database. */
export class SqliteQualityStore implements QualityStore {
  readonly #pool: SqlitePool;
  readonly #t: StateTables;

  constructor({ pool, tables }: { readonly pool: SqlitePool; readonly tables: StateTables }) {
    this.#pool = pool;
    this.#t = tables;
  }

  async trend(query: TrendQuery): Promise<readonly TrendPoint[]> {
    const { workflow, step, check, limit, before } = selectTrend(query);
    const values: SqlValue[] = [workflow, check];
    let where = "";
    if (step !== null) {
      where += " AND q.step_name = ?";
      values.push(step);
    }
    if (before !== null) {
      where += " AND (q.run_id, q.event_seq, q.position) < (?, ?, ?)";
      values.push(before.runId, before.event, before.position);
    }
    const sql = trendSql(this.#t, where);
    const rows = await this.#pool.read((connection) => connection.all<QualityRow>(sql, ...values, limit));
    return rows.map(readTrendPoint);
  }

  async results(of: string): Promise<readonly StoredResult[]> {
    const runId = selectResults(of);
    const sql = `SELECT ${RESULT_COLUMNS} FROM ${this.#t.quality_results} WHERE run_id = ? ORDER BY event_seq, position`;
    return (await this.#pool.read((connection) => connection.all<QualityRow>(sql, runId))).map(readResult);
  }

  async prior({ workflow, step, check, scope, before, limit }: PriorValues): Promise<readonly string[]> {
    const scoped = scope === null ? "" : " AND q.scope = ?";
    const values: readonly SqlValue[] = [workflow, check, step, before, ...(scope === null ? [] : [scope])];
    const sql = `SELECT q.run_id, q.actual FROM ${this.#t.quality_results} q CROSS JOIN ${this.#t.workflow_runs} r
WHERE r.run_id = q.run_id AND q.workflow_name = ? AND q.check_name = ? AND q.step_name = ? AND q.run_id < ?${scoped}
  AND r.status = 'COMPLETED' AND q.actual IS NOT NULL AND q.status IN ('PASS', 'WARN', 'FAIL')
ORDER BY q.run_id DESC, q.event_seq DESC, q.position DESC LIMIT ?`;
    const rows = await this.#pool.read((connection) =>
      connection.all<{ run_id: string; actual: string }>(sql, ...values, limit * ATTEMPTS_READ),
    );
    return onePerRun(rows, limit);
  }
}
