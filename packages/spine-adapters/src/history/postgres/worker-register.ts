import { SpineError } from "spine-core";
import type { Query } from "../../databases/postgres/postgres-pools.ts";
import type { StateTables } from "../state-tables.ts";
import { LOCKED_COLUMNS, type Locked, releaseRun } from "./control-run.ts";
import { lockKeySql } from "./gone-workers.ts";

interface Scope {
  readonly query: Query;
  readonly tables: StateTables;
  /** A virtual time; null for the database's own. */
  readonly at: string | null;
}

/**
 * Lets go of all runs of a worker that stops by itself: they are queued again and due at once, their attempts
 * under way end CANCELLED (STOPPED), and no crash is counted, because nothing was lost.
 */
export async function markGone(scope: Scope, worker: string): Promise<void> {
  const { query, tables, at } = scope;
  await query(
    `INSERT INTO ${tables.workers} (worker_id, state, started_at, last_beat, gone_at)
VALUES ($1, 'gone', coalesce($2::timestamptz, now()), now(), coalesce($2::timestamptz, now()))
ON CONFLICT (worker_id) DO UPDATE SET state = 'gone', gone_at = excluded.gone_at WHERE workers.state <> 'gone'`,
    [worker, at],
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
 * Registers workers that own runs and are not registered as alive: whoever looks for those who are gone sees them from
 * then on. Returns how many there were.
 *
 * Nobody knows whether such a worker beats. One that lives says so within its next beat; of the others, those that are
 * unknown have the locks of their names (none, where `lockPrefix` is null), and the expiry runs from now.
 */
export async function registerOwners(
  query: Query,
  tables: StateTables,
  { own, lockPrefix, at }: { own: readonly string[]; lockPrefix: string | null; at: string | null },
): Promise<number> {
  const rows = await query(
    `INSERT INTO ${tables.workers} (worker_id, lock_key, state, started_at, last_beat, beats_by)
SELECT DISTINCT r.worker, ${lockKeySql("$2::text", "r.worker")}, 'alive', coalesce($3::timestamptz, now()), now(),
  CASE WHEN $2::text IS NULL THEN 'thread' END
FROM ${tables.workflow_runs} r
WHERE r.status = 'RUNNING' AND r.worker IS NOT NULL AND r.worker <> ALL ($1::text[])
  AND NOT EXISTS (SELECT 1 FROM ${tables.workers} w WHERE w.worker_id = r.worker AND w.state = 'alive')
ON CONFLICT (worker_id) DO UPDATE SET state = 'alive', gone_at = NULL, last_beat = excluded.last_beat
RETURNING worker_id`,
    [own, lockPrefix, at],
  );
  return rows.length;
}
