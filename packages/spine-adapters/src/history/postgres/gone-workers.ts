import { createHash } from "node:crypto";
import type { StateTables } from "../state-tables.ts";

/** Between two beats of a process. */
export const BEAT_MS = 1_400;
/** A worker that has not beaten for so long is gone. */
export const EXPIRY_MS = 6_000;
/** After its start a server is given so long until its workers have come back to it. */
const RESTART_MS = 10_000;

const RESTARTED = `pg_postmaster_start_time() + interval '${RESTART_MS} milliseconds'`;

/**
 * The condition that a worker is gone, for its row under the given name; it is asked in the order written. Time is
 * always that of the database, also where a store has a clock that tests drive.
 *
 * - One that beats and has not done so for 6 s; a server that was away has nobody's beats, so 10 s of it do not count.
 * - One whose two locks can both be had: its process has neither of its connections. They are ours to the end of this
 *   transaction only. A restart frees the locks of everybody: for 10 s they prove nothing about those who have not been
 *   seen since. Who is wrongly taken for gone is kept out of his runs by their fences.
 */
export function isGone(worker: string): string {
  return `CASE
  WHEN ${isSilent(worker)} THEN true
  WHEN ${worker}.lock_key IS NULL THEN false
  WHEN clock_timestamp() < ${RESTARTED} AND ${worker}.last_beat < pg_postmaster_start_time() THEN false
  ELSE pg_try_advisory_xact_lock(${worker}.lock_key) AND pg_try_advisory_xact_lock(${worker}.lock_key + 1) END`;
}

/** The condition that a worker ought to have beaten and has not, for its row under the given name. */
export function isSilent(worker: string): string {
  return `${worker}.beats_by IS NOT NULL
    AND clock_timestamp() - greatest(${worker}.last_beat, ${RESTARTED}) > interval '${EXPIRY_MS} milliseconds'`;
}

/** The parts of a statement that find workers that are gone, but for our own, and mark those of whom nothing is left. */
export function goneParts(t: StateTables, own: string): string {
  return `gone AS MATERIALIZED (
  SELECT w.worker_id, EXISTS (
    SELECT 1 FROM ${t.workflow_runs} r WHERE r.status = 'RUNNING' AND r.worker = w.worker_id) AS has_runs
  FROM ${t.workers} w WHERE w.state = 'alive' AND w.worker_id <> ALL (${own}) AND ${isGone("w")}),
finished AS (
  SELECT worker_id FROM ${t.workers} WHERE worker_id IN (SELECT worker_id FROM gone WHERE NOT has_runs)
  -- Whoever beats at this moment holds his row, and is not gone.
  FOR UPDATE SKIP LOCKED),
marked AS (
  UPDATE ${t.workers} SET state = 'gone', gone_at = now() WHERE worker_id IN (SELECT worker_id FROM finished))`;
}

/** Finds workers that are gone and own runs. $1: our own workers. */
export function goneStatement(t: StateTables): string {
  return `WITH ${goneParts(t, "$1::text[]")}
SELECT worker_id FROM gone WHERE has_runs`;
}

/** What the number of a worker's lock is made of: workers of different schemas have different ones. */
export function lockText(schema: string): string {
  return `spine.worker:${schema}/`;
}

/** The number of a worker's first lock; the second one's is the next. It is even, so that no two workers share one. */
export function lockKeyOf(schema: string, worker: string): string {
  const hash = createHash("sha256")
    .update(lockText(schema) + worker)
    .digest();
  return (hash.readBigInt64BE(0) & ~1n).toString();
}

/** The second lock of a worker. */
export function secondLock(key: string): string {
  return (BigInt(key) + 1n).toString();
}

/** The same number in SQL. `prefix` is `lockText`. */
export function lockKeySql(prefix: string, worker: string): string {
  const hash = `encode(sha256(convert_to(${prefix} || ${worker}, 'UTF8')), 'hex')`;
  return `(('x' || substr(${hash}, 1, 16))::bit(64)::bigint & ~1::bigint)`;
}
