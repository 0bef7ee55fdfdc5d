import { TRACKED } from "spine-core";
import { BEGUN, RANK_SHIFT } from "../run-rank.ts";
import type { StateTables } from "../state-tables.ts";
import { isGone } from "./gone-workers.ts";
import { linesSql } from "./lines-sql.ts";
import { pinnedSql } from "./pinned-sql.ts";
import { RUN_COLUMNS } from "./run-select.ts";

/** True for a row of `queues` whose runs cannot just be taken. */
export const LIMITED = `q.concurrency IS NOT NULL OR q.worker_concurrency IS NOT NULL
  OR q.key_concurrency IS NOT NULL OR q.rate_runs IS NOT NULL`;

/**
 * Takes runs that are due, and those of workers that are gone. $1 worker, $2 workflows, $3 limit, $4 virtual time or
 * null, $5 workers that may be gone (looked at once more here), $6 the number of the write, $7 null, or the runs that may be let in of queues with limits
 * (whoever asks has locked these queues), $8 what runs that have never begun begin with (see first-attempts.ts). With `pinned`: $9 the
 * versions that runs which have begun are tied to (see pinned-sql.ts); those of others are passed by everywhere, so that none of them is
 * in front of a line.
 *
 * Where $7 is null and a run of a queue with limits is due, only lost runs are taken (`ahead` is false): which ones go
 * first is known when it is known which of those may be let in. `limited` says that runs wait in such queues at all.
 *
 * It is looked how many runs each line gives before any is locked: what is locked is taken, so nobody else has to pass
 * it by; and what somebody else has locked is passed by, further down in the same line.
 */
export function claimStatement(t: StateTables, pinned = false): string {
  const fits = (run: string) => pinnedSql(run, pinned ? "$9" : undefined);
  const at = "coalesce($4::timestamptz, now())";
  const line = "queue, workflow_name, rank";
  const inLine = (alias: string) =>
    `r.queue = ${alias}.queue AND r.workflow_name = ${alias}.workflow_name AND r.rank = ${alias}.rank`;
  const candidate =
    "run_id, status, worker, started_at, available_at, rank, workflow_name, fingerprint, attempts, deadline_at";
  return `WITH RECURSIVE
gone AS MATERIALIZED (
  SELECT worker_id FROM ${t.workers} w
  WHERE state = 'alive' AND worker_id = ANY ($5::text[]) AND ${isGone("w")}),
lost AS MATERIALIZED (
  SELECT ${candidate} FROM ${t.workflow_runs} r
  WHERE status = 'RUNNING' AND worker IN (SELECT worker_id FROM gone) AND $7::uuid[] IS NULL
    AND (workflow_name = ANY ($2::text[])${fits("r")} OR fingerprint = '${TRACKED}')
  ORDER BY run_id LIMIT $3 FOR UPDATE SKIP LOCKED),
${linesSql(t)},
known AS MATERIALIZED (
  SELECT l.*, coalesce(${LIMITED}, false) AS limited FROM lines l LEFT JOIN ${t.queues} q ON q.name = l.queue
  WHERE l.workflow_name = ANY ($2::text[]) AND q.paused IS NOT TRUE),
goes AS MATERIALIZED (
  SELECT $7::uuid[] IS NOT NULL OR NOT EXISTS (SELECT FROM known WHERE limited AND head <= ${at}) AS ahead),
best AS MATERIALIZED (
  SELECT * FROM (
    SELECT l.queue, l.workflow_name, l.rank, r.run_id, r.available_at, false AS picked
    FROM known l CROSS JOIN LATERAL (
      SELECT run_id, available_at FROM ${t.workflow_runs} r WHERE ${inLine("l")} AND r.available_at <= ${at}${fits("r")}
      ORDER BY r.available_at, r.run_id LIMIT $3) AS r
    WHERE NOT l.limited AND l.head <= ${at} AND (SELECT ahead FROM goes)
    UNION ALL
    SELECT queue, workflow_name, rank, run_id, available_at, true FROM ${t.workflow_runs}
    WHERE run_id = ANY ($7::uuid[])) AS all_lines
  ORDER BY rank >> ${RANK_SHIFT}, available_at, run_id LIMIT $3::int8 - (SELECT count(*) FROM lost)),
picked AS MATERIALIZED (
  SELECT ${candidate} FROM ${t.workflow_runs} r
  WHERE run_id IN (SELECT run_id FROM best WHERE picked) AND available_at <= ${at}${fits("r")} FOR UPDATE SKIP LOCKED),
due AS MATERIALIZED (
  SELECT r.* FROM (
    SELECT ${line}, count(*) AS runs FROM best WHERE NOT picked GROUP BY ${line}) AS l CROSS JOIN LATERAL (
    SELECT ${candidate} FROM ${t.workflow_runs} r WHERE ${inLine("l")} AND r.available_at <= ${at}${fits("r")}
    ORDER BY r.available_at, r.run_id LIMIT l.runs FOR UPDATE SKIP LOCKED) AS r),
chosen AS MATERIALIZED (
  SELECT *, row_number() OVER (
    ORDER BY kind, CASE kind WHEN 1 THEN rank >> ${RANK_SHIFT} END, available_at, run_id) AS nth
  FROM (SELECT 0 AS kind, * FROM lost UNION ALL SELECT 1, * FROM due UNION ALL SELECT 1, * FROM picked) AS all_kinds),
taken AS MATERIALIZED (
  SELECT c.*, f.steps, coalesce(f.begun, 0) AS begun FROM chosen c
  LEFT JOIN json_to_recordset($8::json) AS f(workflow text, fingerprint text, steps json, begun int4)
    ON c.workflow_name = f.workflow AND c.fingerprint = f.fingerprint AND c.attempts = 0 AND c.kind = 1
    AND (c.deadline_at IS NULL OR c.deadline_at > ${at})),
claimed AS (
  UPDATE ${t.workflow_runs} r SET
    status = 'RUNNING', worker = $1, token = r.token + 1, version = r.version + 1 + c.begun, write_seq = $6,
    available_at = NULL, debounce_key = NULL, attempts = r.attempts + c.begun, open_steps = coalesce(c.steps, r.open_steps),
    open_version = CASE WHEN c.begun > 0 THEN r.version ELSE r.open_version END,
    open_since = CASE WHEN c.begun > 0 THEN ${at} ELSE r.open_since END, started_at = coalesce(r.started_at, ${at}),
    rank = CASE WHEN r.started_at IS NULL THEN r.rank | ${BEGUN}::int2 ELSE r.rank END,
    started_by = CASE WHEN r.version = 1 THEN $1 ELSE r.started_by END,
    crashes = r.crashes + CASE WHEN c.status = 'RUNNING' AND r.open_steps IS NOT NULL THEN 1 ELSE 0 END
  FROM taken c WHERE r.run_id = c.run_id
  RETURNING c.nth, r.version - c.begun AS told_at, c.begun > 0 AS begins, c.status AS was, c.started_at AS began, c.worker AS lost_worker, ${qualified("r")}),
told AS (
  INSERT INTO ${t.run_events} (run_id, seq, type, at, data)
  SELECT run_id, told_at, CASE WHEN was = 'PENDING' AND began IS NULL THEN 'run.started' ELSE 'run.resumed' END, ${at},
    json_strip_nulls(json_build_object('worker', $1::text,
      'reason', CASE was WHEN 'RUNNING' THEN 'takeover' WHEN 'WAITING' THEN 'waiting' ELSE 'queued' END,
      'lost_worker', CASE WHEN was = 'RUNNING' THEN lost_worker END))
  FROM claimed WHERE told_at > 2),
counted AS (
  INSERT INTO ${t.queue_starts} (queue, at, runs)
  SELECT queue, ${at}, count(*) FROM claimed
  WHERE began IS NULL AND was = 'PENDING' AND queue IN (SELECT name FROM ${t.queues} WHERE rate_runs IS NOT NULL)
  GROUP BY queue
  ON CONFLICT (queue, at) DO UPDATE SET runs = queue_starts.runs + excluded.runs),
forgotten AS (
  DELETE FROM ${t.queue_starts} s USING ${t.queues} q
  WHERE s.queue = q.name AND s.queue IN (SELECT queue FROM claimed)
    AND s.at <= ${at} - q.rate_period_ms * interval '1 millisecond')
SELECT next.*, claimed.* FROM (
  SELECT (SELECT min(r.available_at) FROM known l CROSS JOIN LATERAL (
      SELECT available_at FROM ${t.workflow_runs} r
      WHERE ${inLine("l")} AND r.available_at IS NOT NULL AND r.run_id NOT IN (SELECT run_id FROM chosen)${fits("r")}
      ORDER BY r.available_at, r.run_id LIMIT 1) AS r
    WHERE NOT l.limited) AS next_at,
    EXISTS (SELECT FROM known WHERE limited) AS limited, (SELECT ahead FROM goes) AS ahead,
    ${at}::timestamptz(3) AS asked_at) AS next
LEFT JOIN claimed ON true ORDER BY claimed.nth`;
}

function qualified(alias: string): string {
  return RUN_COLUMNS.split(/,\s*(?![^(]*\))/)
    .map((column) =>
      column.startsWith("coalesce(") ? column.replace("(", `(${alias}.`) : `${alias}.${column}`,
    )
    .join(", ");
}
