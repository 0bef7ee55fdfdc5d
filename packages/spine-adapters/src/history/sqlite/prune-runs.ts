import type { SqliteConnection } from "../../databases/sqlite/sqlite-connection.ts";
import { isoTime } from "../iso-time.ts";
import type { HistorySql } from "./history-sql.ts";

const ENDED = ["COMPLETED", "FAILED", "CANCELLED"] as const;

interface OldRun {
  readonly run_id: string;
  readonly created_at: string;
  readonly completed_at: string | null;
}

/**
 * Removes runs that ended before a time, the oldest first, with their attempts, events, signals and quality results. One
 * that a step waits for stays until the run of that step has ended: it has yet to learn the result.
 * Loads and partitions stay: they say where the rows came from that are still in the target tables.
 */
export function pruneRuns(
  connection: SqliteConnection,
  { tables }: HistorySql,
  { before, limit }: { readonly before: number; readonly limit: number },
): readonly string[] {
  const cutOff = isoTime(before);
  const ids = findOld(connection, tables.workflow_runs, cutOff, limit);
  const list = JSON.stringify(ids);
  for (const table of [
    tables.workflow_step_runs,
    tables.step_checkpoints,
    tables.run_events,
    tables.signals,
    tables.quality_results,
    tables.alerts,
    tables.run_logs,
    tables.step_progress,
    tables.workflow_runs,
  ]) {
    connection.run(`DELETE FROM ${table} WHERE run_id IN (SELECT value FROM json_each(?))`, list);
  }
  connection.run(
    `DELETE FROM ${tables.workers} WHERE state = 'gone' AND gone_at < ?
  AND worker_id NOT IN (SELECT worker FROM ${tables.workflow_runs} WHERE status = 'RUNNING' AND worker IS NOT NULL)`,
    cutOff,
  );
  return ids;
}

function findOld(
  connection: SqliteConnection,
  runs: string,
  cutOff: string,
  limit: number,
): readonly string[] {
  const ids: string[] = [];
  // Only those that have ended, each status from its oldest: queued and waiting runs may be many.
  const branches = ENDED.map(
    (status) => `SELECT run_id, created_at, completed_at FROM ${runs} r WHERE status = '${status}'
  AND (parent_step IS NULL OR NOT EXISTS (
    SELECT 1 FROM ${runs} p WHERE p.run_id = r.parent_run_id AND p.status NOT IN ('${ENDED.join("', '")}')))`,
  );
  for (const run of connection.iterate<OldRun>(`${branches.join(" UNION ALL ")} ORDER BY 1`)) {
    // Ids are in the order of creation, and a run that is younger than the cut-off has not ended before it.
    if (ids.length >= limit || run.created_at >= cutOff) break;
    if (run.completed_at !== null && run.completed_at < cutOff) ids.push(run.run_id);
  }
  return ids;
}
