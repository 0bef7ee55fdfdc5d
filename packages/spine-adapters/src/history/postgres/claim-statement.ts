import type { StateTables } from "../state-tables.ts";
import { isGone } from "./gone-workers.ts";
import { RUN_COLUMNS } from "./run-select.ts";

/**
 * Takes runs that are due, and those of workers that are gone. $1 worker, $2 workflows, $3 limit, $4 virtual time or
 * null, $5 workers that may be gone (looked at once more here), $6 the number of the write.
 */
export function claimStatement(t: StateTables): string {
  const at = "coalesce($4::timestamptz, now())";
  return `WITH
gone AS MATERIALIZED (
  SELECT worker_id FROM ${t.workers} w
  WHERE state = 'alive' AND worker_id = ANY ($5::text[]) AND ${isGone("w")}),
lost AS MATERIALIZED (
  SELECT run_id, status, worker, started_at, available_at FROM ${t.workflow_runs}
  WHERE status = 'RUNNING' AND worker IN (SELECT worker_id FROM gone) AND workflow_name = ANY ($2::text[])
  ORDER BY run_id LIMIT $3 FOR UPDATE SKIP LOCKED),
due AS MATERIALIZED (
  SELECT run_id, status, worker, started_at, available_at FROM ${t.workflow_runs}
  WHERE available_at <= ${at} AND workflow_name = ANY ($2::text[])
  ORDER BY available_at, run_id LIMIT $3 FOR UPDATE SKIP LOCKED),
chosen AS MATERIALIZED (
  SELECT *, row_number() OVER () AS nth FROM (SELECT * FROM lost UNION ALL SELECT * FROM due) AS both_kinds LIMIT $3),
claimed AS (
  UPDATE ${t.workflow_runs} r SET
    status = 'RUNNING', worker = $1, token = r.token + 1, version = r.version + 1, write_seq = $6, available_at = NULL,
    started_at = coalesce(r.started_at, ${at}),
    crashes = r.crashes + CASE WHEN c.status = 'RUNNING' AND r.open_steps IS NOT NULL THEN 1 ELSE 0 END
  FROM chosen c WHERE r.run_id = c.run_id
  RETURNING c.nth, c.status AS was, c.started_at AS began, c.worker AS lost_worker, ${qualified("r")}),
told AS (
  INSERT INTO ${t.run_events} (run_id, seq, type, at, data)
  SELECT run_id, version, CASE WHEN was = 'PENDING' AND began IS NULL THEN 'run.started' ELSE 'run.resumed' END, ${at},
    json_strip_nulls(json_build_object('worker', $1::text,
      'reason', CASE was WHEN 'RUNNING' THEN 'takeover' WHEN 'WAITING' THEN 'waiting' ELSE 'queued' END,
      'lost_worker', CASE WHEN was = 'RUNNING' THEN lost_worker END))
  FROM claimed)
SELECT next.available_at AS next_at, claimed.* FROM (
  SELECT (SELECT available_at FROM ${t.workflow_runs}
    WHERE available_at IS NOT NULL AND workflow_name = ANY ($2::text[]) AND run_id NOT IN (SELECT run_id FROM chosen)
    ORDER BY available_at LIMIT 1)) AS next
LEFT JOIN claimed ON true ORDER BY claimed.nth`;
}

function qualified(alias: string): string {
  return RUN_COLUMNS.split(/,\s*(?![^(]*\))/)
    .map((column) =>
      column.startsWith("coalesce(") ? column.replace("(", `(${alias}.`) : `${alias}.${column}`,
    )
    .join(", ");
}
