import { SpineError } from "spine-core";
import type { Query } from "../../databases/postgres/postgres-pools.ts";
import type { StateTables } from "../state-tables.ts";
import { LOCKED_COLUMNS, type Locked, releaseRun } from "./control-run.ts";

interface Scope {
  readonly query: Query;
  readonly tables: StateTables;
  /** A virtual time; null for the database's own. */
  readonly at: string | null;
}

/** Registers a worker, whose lock is held already: one in the table without its lock is one that is gone. */
export async function markAlive(
  { query, tables, at }: Scope,
  worker: string,
  lockKey: string,
): Promise<void> {
  await query(
    `INSERT INTO ${tables.workers} (worker_id, lock_key, state, started_at)
VALUES ($1, $2, 'alive', coalesce($3::timestamptz, now()))
ON CONFLICT (worker_id) DO UPDATE SET state = 'alive', gone_at = NULL`,
    [worker, lockKey, at],
  );
}

/**
 * Lets go of all runs of a worker that stops by itself: they are queued again and due at once, their attempts
 * under way end CANCELLED (STOPPED), and no crash is counted, because nothing was lost.
 */
export async function markGone(scope: Scope, worker: string, lockKey: string): Promise<void> {
  const { query, tables, at } = scope;
  await query(
    `INSERT INTO ${tables.workers} (worker_id, lock_key, state, started_at, gone_at)
VALUES ($1, $2, 'gone', coalesce($3::timestamptz, now()), coalesce($3::timestamptz, now()))
ON CONFLICT (worker_id) DO UPDATE SET state = 'gone', gone_at = excluded.gone_at WHERE workers.state <> 'gone'`,
    [worker, lockKey, at],
  );
  const stopped = new SpineError("STOPPED", "The process was stopped while this attempt was under way.", {
    context: { worker },
  });
  const runs = await query<Locked>(
    `SELECT ${LOCKED_COLUMNS} FROM ${tables.workflow_runs} WHERE status = 'RUNNING' AND worker = $1
ORDER BY run_id FOR UPDATE`,
    [worker],
  );
  for (const run of runs) await releaseRun(scope, run, worker, stopped);
}

/**
 * Finds workers that own runs and are not registered as alive, registers them, so that a claim looks at their locks, and
 * marks those as gone that are, once nothing is left of them.
 */
export async function sweepWorkers(
  { query, tables, at }: Scope,
  own: readonly string[],
  keyOf: (worker: string) => string,
): Promise<void> {
  const owners = await query<{ worker: string }>(
    `SELECT DISTINCT r.worker FROM ${tables.workflow_runs} r
WHERE r.status = 'RUNNING' AND r.worker IS NOT NULL AND r.worker <> ALL ($1::text[])
  AND NOT EXISTS (SELECT 1 FROM ${tables.workers} w WHERE w.worker_id = r.worker AND w.state = 'alive')`,
    [own],
  );
  for (const { worker } of owners) await markAlive({ query, tables, at }, worker, keyOf(worker));
  await query(
    `UPDATE ${tables.workers} w SET state = 'gone', gone_at = coalesce($2::timestamptz, now())
WHERE state = 'alive' AND worker_id <> ALL ($1::text[]) AND pg_try_advisory_xact_lock(lock_key)
  AND NOT EXISTS (SELECT 1 FROM ${tables.workflow_runs} r WHERE r.status = 'RUNNING' AND r.worker = w.worker_id)`,
    [own, at],
  );
}
