import { type LogEntry, logPageSize, type ReadLogsOptions, type RunLogs } from "spine-core";
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

  async read(runId: string, { after = 0, limit }: ReadLogsOptions = {}): Promise<readonly LogEntry[]> {
    const most = logPageSize(limit);
    const sql = `SELECT ${LOG_COLUMNS} FROM ${this.#t.run_logs} WHERE run_id = ? AND seq > ? ORDER BY seq LIMIT ?`;
    const rows = await this.#pool.read((connection) => connection.all<LogRow>(sql, runId, after, most));
    return rows.map(readLog);
  }
}
