import type { Workload, WorkloadOptions } from "spine-core";
import type { SqliteConnection } from "../../databases/sqlite/sqlite-connection.ts";
import { type DueRow, readDue } from "../due-rows.ts";
import type { HistorySql } from "./history-sql.ts";
import type { WorkerLocks } from "./worker-locks.ts";
import { listWorkers } from "./worker-register.ts";

/** What is due at a time, and who is there to do it. */
export function readWorkload(
  connection: SqliteConnection,
  sql: HistorySql,
  at: string,
  locks: WorkerLocks | null,
  { pinned }: WorkloadOptions,
): Workload {
  const { workflow_runs, prefix } = sql.tables;
  const due = connection.all<DueRow>(
    `SELECT workflow_name AS workflow, count(*) AS runs, min(available_at) AS oldest,
  count(*) FILTER (WHERE attempts > 0 AND EXISTS (
    SELECT 1 FROM json_each(?) p WHERE p.key = workflow_name AND p.value <> fingerprint)) AS foreign_runs FROM (
  SELECT workflow_name, available_at, attempts, fingerprint FROM ${workflow_runs} INDEXED BY ${prefix}workflow_runs_due
  WHERE available_at IS NOT NULL AND available_at <= ? ORDER BY available_at, run_id LIMIT 10000)
GROUP BY workflow_name ORDER BY oldest LIMIT 100`,
    JSON.stringify(Object.fromEntries(pinned ?? [])),
    at,
  );
  const owned = new Map(
    connection
      .all<{ worker: string; runs: number }>(
        `SELECT worker, count(*) AS runs FROM ${workflow_runs} WHERE status = 'RUNNING' AND worker IS NOT NULL GROUP BY worker`,
      )
      .map(({ worker, runs }) => [worker, runs]),
  );
  const { registered, unregistered } = listWorkers(connection, sql);
  const workers = [...registered, ...unregistered].map((worker) => ({
    worker,
    alive: locks ? isAlive(locks, worker) : registered.includes(worker),
    runs: owned.get(worker) ?? 0,
  }));
  return {
    due: due.map(readDue),
    workers: workers.filter(({ alive, runs }) => alive || runs > 0),
  };
}

function isAlive(locks: WorkerLocks, worker: string): boolean {
  if (locks.holds(worker)) return true;
  const taken = locks.take(worker);
  taken?.leave();
  return taken === undefined;
}
