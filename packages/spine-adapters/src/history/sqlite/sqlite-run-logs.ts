import { type LogEntry, type ReadLogsOptions, type RunLogs, selectLogs } from "spine-core";
import type { SqlitePool } from "../../databases/sqlite/sqlite-pool.ts";
import { LOG_COLUMNS, type LogRow, readLog } from "../log-rows.ts";
import type { StateTables } from "../state-tables.ts";

/** What the steps of runs logged, in a SQLite database. */
export class SqliteRunLogs implements RunLogs {
  readonly #pool: SqlitePool;
  readonly #t: StateTables;

  constructor({ pool, tables }: { readonly pool: SqlitePool; readonly tables: StateTables }) {
    this.#pool = pool;
    this.#t = tables;
  }

  async read(of: string, options?: ReadLogsOptions): Promise<readonly LogEntry[]> {
    const { runId, after, limit } = selectLogs(of, options);
    const sql = `SELECT ${LOG_COLUMNS} FROM ${this.#t.run_logs} WHERE run_id = ? AND seq > ? ORDER BY seq LIMIT ?`;
    const rows = await this.#pool.read((connection) => connection.all<LogRow>(sql, runId, after, limit));
    return rows.map(readLog);
  }
}
