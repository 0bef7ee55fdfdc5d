/** How the runs of a queue are let in. Everything can be changed while the queue is at work, from any process. */
export interface QueueSettings {
  /** True: its runs are queued and none is begun or gone on with; those at work go on. */
  readonly paused: boolean;
  /** Its runs at work at a time, in all processes together; null for no limit. */
  readonly concurrency: number | null;
  /** Its runs at work at a time in one process; null for no limit but the process's own. */
  readonly workerConcurrency: number | null;
  /** Its runs with the same `concurrencyKey` at work at a time, in all processes together; null for no limit. */
  readonly keyConcurrency: number | null;
  /** At most this many runs begin within any stretch of time of this length; null for no limit. */
  readonly rateLimit: RateLimit | null;
}

export interface RateLimit {
  readonly runs: number;
  /** Milliseconds. */
  readonly periodMs: number;
}

/** A queue whose settings were set. */
export interface QueueRecord extends QueueSettings {
  readonly name: string;
  /** ISO time in UTC. */
  readonly updatedAt: string;
}

/** A queue as it stands. */
export interface QueueState extends QueueRecord {
  /** Runs that are due and wait to be begun or gone on with; counted up to 10,000. */
  readonly waiting: number;
  /** Runs at work. */
  readonly running: number;
  /** Since when the first of those waiting could have begun, ISO time in UTC. */
  readonly oldestDueAt: string | null;
}

/**
 * The settings of queues. A run that names a queue is never begun where it is started but claimed, in the order of
 * priority, then of the time from which it could have begun; a queue without settings has no limits. Conformance suite:
 * `testQueueStore` in `spine-core/testing`.
 *
 * The limits hold across processes: two that claim at the same time do not let in one run too many. Runs of workers
 * that are gone hold their places until they have ended: they are taken over whatever the limits say.
 */
export interface QueueStore {
  /** Makes the queue known, or changes some of its settings; the others stay as they are (new: no limits). */
  set(name: string, change: Partial<QueueSettings>): Promise<QueueRecord>;
  /** Undefined for a queue without settings; a ValidationError for a name that none can have. */
  get(name: string): Promise<QueueState | undefined>;
  /** By name. */
  list(): Promise<readonly QueueState[]>;
}

/** No limits. */
export const OPEN_QUEUE: QueueSettings = {
  paused: false,
  concurrency: null,
  workerConcurrency: null,
  keyConcurrency: null,
  rateLimit: null,
};
