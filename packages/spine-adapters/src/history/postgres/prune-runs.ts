import type { Query } from "../../databases/postgres/postgres-pools.ts";
import type { StateTables } from "../state-tables.ts";
import { parentIdSql } from "./run-parent.ts";

interface OldRun {
  readonly run_id: string;
  readonly ended: boolean;
  readonly young: boolean;
}

const ENDED = ["COMPLETED", "FAILED", "CANCELLED"] as const;
/** Runs that are looked at in one query. */
const PAGE = 1_000;

/** True for a run, under this name, that a step of a run which has not ended waits for: it asks for its outputs. */
function isAwaited(t: StateTables, run: string): string {
  return `(${run}.parent_step IS NOT NULL AND EXISTS (
    SELECT FROM ${t.workflow_runs} p
    WHERE p.run_id = ${parentIdSql(run)}
      AND p.status NOT IN ('COMPLETED', 'FAILED', 'CANCELLED')))`;
}

/**
 * Removes runs that ended before a time, the oldest first, with their attempts, checkpoints, events, signals and
 * quality results. Loads and partitions stay: they say where the rows came from that are still in the target tables.
 */
export async function pruneRuns(
  query: Query,
  t: StateTables,
  { before, limit }: { readonly before: string; readonly limit: number },
): Promise<readonly string[]> {
  const ids = await findOld(query, t, before, limit);
  const children = [
    t.workflow_step_runs,
    t.step_checkpoints,
    t.run_events,
    t.signals,
    t.quality_results,
    t.alerts,
    t.run_logs,
    t.step_progress,
  ];
  const removals = children.map(
    (table, index) => `child${index} AS (DELETE FROM ${table} c USING gone WHERE c.run_id = gone.run_id)`,
  );
  const gone = await query<{ run_id: string }>(
    `WITH gone AS (
  DELETE FROM ${t.workflow_runs} r WHERE run_id = ANY ($1::uuid[])
    AND status IN ('COMPLETED', 'FAILED', 'CANCELLED') AND completed_at < $2::timestamptz
    AND NOT ${isAwaited(t, "r")}
  RETURNING run_id), ${removals.join(", ")}
SELECT run_id FROM gone ORDER BY run_id`,
    [ids, before],
  );
  await query(
    `DELETE FROM ${t.workers} w WHERE state = 'gone' AND gone_at < $1::timestamptz
  AND NOT EXISTS (SELECT 1 FROM ${t.workflow_runs} r WHERE r.status = 'RUNNING' AND r.worker = w.worker_id)`,
    [before],
  );
  return gone.map(({ run_id }) => run_id);
}

async function findOld(
  query: Query,
  t: StateTables,
  before: string,
  limit: number,
): Promise<readonly string[]> {
  // Only those that have ended, each status from its oldest: queued and waiting runs may be many.
  const branches = ENDED.map(
    (status) => `(SELECT run_id, created_at, completed_at, parent_run_id, parent_step FROM ${t.workflow_runs}
  WHERE status = '${status}' AND run_id > $1 ORDER BY run_id)`,
  );
  const ids: string[] = [];
  for (let last = "00000000-0000-0000-0000-000000000000"; ; ) {
    const page = await query<OldRun>(
      `SELECT run_id, created_at >= $2::timestamptz AS young, completed_at < $2::timestamptz
  AND NOT ${isAwaited(t, "runs")} AS ended
FROM (${branches.join("\nUNION ALL ")}) AS runs ORDER BY run_id LIMIT ${PAGE}`,
      [last, before],
    );
    for (const { run_id, ended, young } of page) {
      // Ids are in the order of creation, and a run that is younger than the cut-off has not ended before it.
      if (young || ids.length >= limit) return ids;
      if (ended) ids.push(run_id);
      last = run_id;
    }
    if (page.length < PAGE) return ids;
  }
}
