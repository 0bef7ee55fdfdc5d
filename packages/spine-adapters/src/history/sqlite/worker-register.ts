import { SpineError } from "spine-core";
import type { SqliteConnection } from "../../databases/sqlite/sqlite-connection.ts";
import { readOpenSteps, writeOpenSteps } from "../open-steps.ts";
import type { RunRow } from "../run-rows.ts";
import type { HistorySql } from "./history-sql.ts";
import { cancelSteps, tell } from "./run-facts.ts";

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
 * under way end CANCELLED (STOPPED) unless they only wait, and no crash is counted, because nothing was lost.
 */
export function releaseRuns(connection: SqliteConnection, sql: HistorySql, worker: string, at: string): void {
  const stopped = new SpineError("STOPPED", "The process was stopped while this attempt was under way.", {
    context: { worker },
  });
  const runs = connection.all<Pick<RunRow, "run_id" | "version" | "open_steps">>(
    `SELECT run_id, version, open_steps FROM ${sql.tables.workflow_runs}
WHERE status = 'RUNNING' AND worker = ? ORDER BY run_id`,
    worker,
  );
  const scope = { connection, sql, at };
  for (const { run_id, version, open_steps } of runs) {
    const all = readOpenSteps(open_steps);
    const open = all.filter(({ wait }) => !wait);
    cancelSteps(scope, run_id, version, open, stopped.toJSON());
    tell(scope, run_id, version + open.length, [{ type: "run.released", data: { worker } }]);
    connection.run(
      `UPDATE ${sql.tables.workflow_runs} SET
  status = 'PENDING', worker = NULL, available_at = ?, token = token + 1, version = ?, open_steps = ?
WHERE run_id = ?`,
      at,
      version + open.length + 1,
      writeOpenSteps(all.filter(({ wait }) => wait)),
      run_id,
    );
  }
}
