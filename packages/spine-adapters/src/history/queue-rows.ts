import type { QueueRecord, QueueSettings } from "spine-core";

/** A row of `queues`. */
export interface QueueRow {
  readonly name: string;
  /** 0 or 1 on SQLite. */
  readonly paused: boolean | number;
  readonly concurrency: number | null;
  readonly worker_concurrency: number | null;
  readonly key_concurrency: number | null;
  readonly rate_runs: number | null;
  readonly rate_period_ms: number | null;
  readonly updated_at: string;
}

/** Settings as their row has them. */
export function readSettings(row: Omit<QueueRow, "name" | "updated_at">): QueueSettings {
  const { rate_runs: runs, rate_period_ms: periodMs } = row;
  return {
    paused: Boolean(row.paused),
    concurrency: row.concurrency,
    workerConcurrency: row.worker_concurrency,
    keyConcurrency: row.key_concurrency,
    rateLimit: runs === null || periodMs === null ? null : { runs, periodMs },
  };
}

export function readQueue(row: QueueRow): QueueRecord {
  return { name: row.name, ...readSettings(row), updatedAt: row.updated_at };
}

/** What a change of settings writes: the columns that it names, and no others. */
export function changedColumns(
  change: Partial<QueueSettings>,
): Readonly<Record<string, number | boolean | null>> {
  const { paused, concurrency, workerConcurrency, keyConcurrency, rateLimit } = change;
  return {
    ...(paused === undefined ? {} : { paused }),
    ...(concurrency === undefined ? {} : { concurrency }),
    ...(workerConcurrency === undefined ? {} : { worker_concurrency: workerConcurrency }),
    ...(keyConcurrency === undefined ? {} : { key_concurrency: keyConcurrency }),
    ...(rateLimit === undefined
      ? {}
      : { rate_runs: rateLimit?.runs ?? null, rate_period_ms: rateLimit?.periodMs ?? null }),
  };
}

/** Runs that wait are counted up to here. */
export const MOST_WAITING = 10_000;
