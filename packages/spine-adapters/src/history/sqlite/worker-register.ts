import { SpineError } from "spine-core";
import type { SqliteConnection } from "../../databases/sqlite/sqlite-connection.ts";
import type { NewEvent } from "../run-events.ts";
import { appendEvents } from "./append-events.ts";
import type { HistorySql } from "./history-sql.ts";

/** What is known of the workers that may hold runs. */
export interface WorkerList {
  /** Registered and not marked gone: alive, or dead without anybody having noticed. */
  readonly registered: readonly string[];
  /** Marked gone, or never registered, and yet the owner of runs. */
  readonly unregistered: readonly string[];
}

/** The workers of this database. */
export function listWorkers(connection: SqliteConnection, { tables }: HistorySql): WorkerList {
  const registered = connection
    .all<{ worker_id: string }>(`SELECT worker_id FROM ${tables.workers} WHERE state = 'alive'`)
    .map(({ worker_id }) => worker_id);
  const owners = connection
    .all<{ worker: string }>(
      `SELECT DISTINCT worker FROM ${tables.workflow_runs} WHERE status = 'RUNNING' AND worker IS NOT NULL`,
    )
    .map(({ worker }) => worker);
  return { registered, unregistered: owners.filter((worker) => !registered.includes(worker)) };
}

/** True when a worker was registered and is marked gone. */
export function isMarkedGone(connection: SqliteConnection, { tables }: HistorySql, worker: string): boolean {
  const sql = `SELECT state FROM ${tables.workers} WHERE worker_id = ?`;
  return connection.get<{ state: string }>(sql, worker)?.state === "gone";
}

export function markAlive(
  connection: SqliteConnection,
  { tables }: HistorySql,
  worker: string,
  at: string,
): void {
  connection.run(
    `INSERT INTO ${tables.workers} (worker_id, state, started_at) VALUES (?, 'alive', ?)
ON CONFLICT (worker_id) DO UPDATE SET state = 'alive', gone_at = NULL`,
    worker,
    at,
  );
}

export function markGone(
  connection: SqliteConnection,
  { tables }: HistorySql,
  worker: string,
  at: string,
): void {
  connection.run(
    `INSERT INTO ${tables.workers} (worker_id, state, started_at, gone_at) VALUES (?1, 'gone', ?2, ?2)
ON CONFLICT (worker_id) DO UPDATE SET state = 'gone', gone_at = excluded.gone_at WHERE state <> 'gone'`,
    worker,
    at,
  );
}

/**
 * Lets go of all runs of a worker that stops by itself: they are queued again and due at once, their attempts
 * under way end CANCELLED (STOPPED), and no crash is counted, because nothing was lost.
 */
export function releaseRuns(connection: SqliteConnection, sql: HistorySql, worker: string, at: string): void {
  const stopped = new SpineError("STOPPED", "The process was stopped while this attempt was under way.", {
    context: { worker },
  });
  const runs = connection.all<{ run_id: string }>(
    `SELECT run_id FROM ${sql.tables.workflow_runs} WHERE status = 'RUNNING' AND worker = ? ORDER BY run_id`,
    worker,
  );
  for (const { run_id } of runs) {
    const events: NewEvent[] = connection
      .all<{ step_name: string; attempt: number }>(sql.openSteps, run_id)
      .map(({ step_name, attempt }) => ({
        type: "step.cancelled",
        data: { step: step_name, attempt, error_code: stopped.code },
      }));
    events.push({ type: "run.released", data: { worker } });
    connection.run(sql.cancelSteps, JSON.stringify(stopped), at, run_id);
    const row = connection.get<{ version: number }>(
      `UPDATE ${sql.tables.workflow_runs} SET
  status = 'PENDING', worker = NULL, available_at = ?, token = token + 1, version = version + ?
WHERE run_id = ? RETURNING version`,
      at,
      events.length,
      run_id,
    );
    appendEvents(connection, sql, run_id, row?.version ?? events.length, at, events);
  }
}
