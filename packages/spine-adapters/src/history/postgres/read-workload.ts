import type { Workload, WorkloadOptions } from "spine-core";
import type { PostgresPools } from "../../databases/postgres/postgres-pools.ts";
import { type DueRow, readDue } from "../due-rows.ts";
import type { StateTables } from "../state-tables.ts";
import { isSilent } from "./gone-workers.ts";

interface WorkerRow {
  readonly worker: string;
  readonly runs: number;
  readonly alive: boolean;
}

/** What is due, and who is there to do it. @param at a virtual time; null for the database's own. */
export async function readWorkload(
  pools: PostgresPools,
  t: StateTables,
  at: string | null,
  { pinned }: WorkloadOptions,
): Promise<Workload> {
  const due = await pools.query<DueRow>(
    "read",
    `SELECT workflow_name AS workflow, count(*) AS runs, min(available_at) AS oldest,
  count(*) FILTER (WHERE attempts > 0 AND $2::jsonb->>workflow_name <> fingerprint) AS foreign_runs FROM (
  SELECT workflow_name, available_at, attempts, fingerprint FROM ${t.workflow_runs}
  WHERE available_at IS NOT NULL AND available_at <= coalesce($1::timestamptz, now())
  ORDER BY available_at, run_id LIMIT 10000) AS first
GROUP BY workflow_name ORDER BY min(available_at) LIMIT 100`,
    [at, JSON.stringify(Object.fromEntries(pinned ?? []))],
  );
  // Looking at the locks instead of trying them: nobody is taken for dead because of a question.
  const workers = await pools.query<WorkerRow>(
    "read",
    `WITH held AS (
  SELECT (classid::int8 << 32) | objid::int8 AS key FROM pg_locks
  WHERE locktype = 'advisory' AND objsubid = 1 AND granted
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())),
owners AS (
  SELECT worker, count(*) AS runs FROM ${t.workflow_runs} WHERE status = 'RUNNING' AND worker IS NOT NULL GROUP BY worker),
seen AS (
  SELECT coalesce(w.worker_id, o.worker) AS worker, coalesce(o.runs, 0) AS runs,
    coalesce(w.state = 'alive' AND NOT (${isSilent("w")})
      AND (w.lock_key IS NULL OR w.lock_key IN (SELECT key FROM held) OR w.lock_key + 1 IN (SELECT key FROM held)), false) AS alive
  FROM ${t.workers} w FULL JOIN owners o ON o.worker = w.worker_id WHERE w.state = 'alive' OR o.runs > 0)
SELECT worker, runs, alive FROM seen WHERE alive OR runs > 0 ORDER BY worker`,
  );
  return { due: due.map(readDue), workers };
}
