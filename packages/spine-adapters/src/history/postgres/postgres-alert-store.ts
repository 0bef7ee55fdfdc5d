import { type AlertQuery, type AlertStore, type StoredAlert, selectAlerts } from "spine-core";
import type { PostgresPools } from "../../databases/postgres/postgres-pools.ts";
import { ALERT_COLUMNS, type AlertRow, readAlert } from "../alert-rows.ts";
import type { StateTables } from "../state-tables.ts";
import { isRunId } from "./run-id.ts";

/** Alerts in a Postgres database. */
export class PostgresAlertStore implements AlertStore {
  readonly #pools: PostgresPools;
  readonly #t: StateTables;

  constructor({ pools, tables }: { readonly pools: PostgresPools; readonly tables: StateTables }) {
    this.#pools = pools;
    this.#t = tables;
  }

  async list(query?: AlertQuery): Promise<readonly StoredAlert[]> {
    const { runId, severity, workflow, limit, after } = selectAlerts(query);
    for (const id of [runId, after]) if (id !== undefined && !isRunId(id)) return [];
    const values: (string | number)[] = [limit];
    const wheres: string[] = [];
    const ask = (condition: (parameter: string) => string, value: string | undefined) => {
      if (value !== undefined) wheres.push(condition(`$${values.push(value)}`));
    };
    ask((value) => `run_id = ${value}::uuid`, runId);
    ask((value) => `severity = ${value}`, severity);
    ask((value) => `workflow_name = ${value}`, workflow);
    ask((value) => `alert_id < ${value}::uuid`, after);
    const where = wheres.length === 0 ? "" : `WHERE ${wheres.join(" AND ")}`;
    const sql = `SELECT ${ALERT_COLUMNS} FROM ${this.#t.alerts} ${where} ORDER BY alert_id DESC LIMIT $1`;
    return (await this.#pools.ask<AlertRow>("read", sql, values)).map(readAlert);
  }

  async get(alertId: string): Promise<StoredAlert | undefined> {
    if (!isRunId(alertId)) return undefined;
    const sql = `SELECT ${ALERT_COLUMNS} FROM ${this.#t.alerts} WHERE alert_id = $1::uuid`;
    const [row] = await this.#pools.ask<AlertRow>("read", sql, [alertId]);
    return row && readAlert(row);
  }
}
