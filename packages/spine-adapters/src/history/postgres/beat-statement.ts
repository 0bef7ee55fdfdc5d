import type { StateTables } from "../state-tables.ts";
import { goneParts } from "./gone-workers.ts";

/** A worker of this process as it registers. */
export interface WorkerEntry {
  readonly worker: string;
  /** Its first lock; null where there are no locks of sessions (behind a transaction pooler). */
  readonly lockKey: string | null;
  /** A virtual time; null for the database's own. */
  readonly startedAt: string | null;
}

/** Who sends beats: a thread of its own, the main thread, or nobody (then its locks alone tell that a worker is gone). */
export type BeatsBy = "thread" | "main" | null;

export interface Beater {
  readonly host: string;
  readonly pid: number;
  readonly by: BeatsBy;
}

/**
 * Says that our own workers are alive, registers them where they are not (or not any more), and finds those who are gone
 * and own runs. $1 workers, $2 their locks, $3 when they started, $4 host, $5 process id, $6 who beats.
 */
export function beatStatement(t: StateTables): string {
  return `WITH beat AS (
  INSERT INTO ${t.workers} AS w (worker_id, lock_key, state, host, pid, started_at, last_beat, beats_by)
  SELECT worker_id, lock_key, 'alive', $4::text, $5::integer, coalesce(started_at, now()), clock_timestamp(), $6::text
  FROM unnest($1::text[], $2::bigint[], $3::timestamptz[]) AS own (worker_id, lock_key, started_at)
  ON CONFLICT (worker_id) DO UPDATE SET state = 'alive', gone_at = NULL, last_beat = excluded.last_beat,
    lock_key = excluded.lock_key, beats_by = excluded.beats_by, host = excluded.host, pid = excluded.pid,
    started_at = CASE WHEN (w.host, w.pid) = (excluded.host, excluded.pid) THEN w.started_at ELSE excluded.started_at END),
${goneParts(t, "$1::text[]")}
SELECT worker_id FROM gone WHERE has_runs`;
}

export function beatValues(workers: readonly WorkerEntry[], { host, pid, by }: Beater): readonly unknown[] {
  return [
    workers.map(({ worker }) => worker),
    workers.map(({ lockKey }) => lockKey),
    workers.map(({ startedAt }) => startedAt),
    host,
    pid,
    by,
  ];
}
