import { type LogEntry, type ReadLogsOptions, type RunLogs, selectLogs } from "spine-core";
import type { PostgresPools } from "../../databases/postgres/postgres-pools.ts";
import { LOG_COLUMNS, type LogRow, readLog } from "../log-rows.ts";
import type { StateTables } from "../state-tables.ts";
import { isRunId } from "./run-id.ts";

/** What the steps of runs logged, in a Postgres database. */
export class PostgresRunLogs implements RunLogs {
  readonly #pools: PostgresPools;
  readonly #t: StateTables;

  constructor({ pools, tables }: { readonly pools: PostgresPools; readonly tables: StateTables }) {
    this.#pools = pools;
    this.#t = tables;
  }

  async read(of: string, options?: ReadLogsOptions): Promise<readonly LogEntry[]> {
    const { runId, after, limit } = selectLogs(of, options);
    if (!isRunId(runId)) return [];
    const sql = `SELECT ${LOG_COLUMNS} FROM ${this.#t.run_logs} WHERE run_id = $1 AND seq > $2 ORDER BY seq LIMIT $3`;
    return (await this.#pools.ask<LogRow>("read", sql, [runId, after, limit])).map(readLog);
  }
}
