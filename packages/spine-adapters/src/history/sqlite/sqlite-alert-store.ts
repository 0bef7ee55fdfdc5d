import { type AlertQuery, type AlertStore, type StoredAlert, selectAlerts } from "spine-core";
import type { SqlValue } from "../../databases/sqlite/sqlite-connection.ts";
import type { SqlitePool } from "../../databases/sqlite/sqlite-pool.ts";
import { ALERT_COLUMNS, type AlertRow, readAlert } from "../alert-rows.ts";
import type { StateTables } from "../state-tables.ts";

/** Alerts in a SQLite database. */
export class SqliteAlertStore implements AlertStore {
  readonly #pool: SqlitePool;
  readonly #t: StateTables;

  constructor({ pool, tables }: { readonly pool: SqlitePool; readonly tables: StateTables }) {
    this.#pool = pool;
    this.#t = tables;
  }

  async list(query?: AlertQuery): Promise<readonly StoredAlert[]> {
    const { runId, severity, workflow, limit, after } = selectAlerts(query);
    const values: SqlValue[] = [];
    const wheres: string[] = [];
    const ask = (condition: string, value: string | undefined) => {
      if (value === undefined) return;
      wheres.push(condition);
      values.push(value);
    };
    ask("run_id = ?", runId);
    ask("severity = ?", severity);
    ask("workflow_name = ?", workflow);
    ask("alert_id < ?", after);
    const where = wheres.length === 0 ? "" : `WHERE ${wheres.join(" AND ")}`;
    const sql = `SELECT ${ALERT_COLUMNS} FROM ${this.#t.alerts} ${where} ORDER BY alert_id DESC LIMIT ?`;
    const rows = await this.#pool.read((connection) => connection.all<AlertRow>(sql, ...values, limit));
    return rows.map(readAlert);
  }

  async get(alertId: string): Promise<StoredAlert | undefined> {
    const sql = `SELECT ${ALERT_COLUMNS} FROM ${this.#t.alerts} WHERE alert_id = ?`;
    const [row] = await this.#pool.read((connection) => connection.all<AlertRow>(sql, alertId));
    return row && readAlert(row);
  }
}
