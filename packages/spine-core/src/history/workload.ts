/** Runs that are due and wait for somebody to take them. */
export interface DueRuns {
  readonly workflow: string;
  /** Counted up to 10,000 of all workflows together. */
  readonly runs: number;
  /** Since when the first of them waits, ISO time in UTC. */
  readonly oldestDueAt: string;
  /** How many of them have begun with another version than the one that was asked for; left out where none has. */
  readonly foreign?: number;
}

/** What is asked for beside the work. */
export interface WorkloadOptions {
  /** By workflow, as in a `ClaimRequest`: runs that have begun with another version are `foreign`. */
  readonly pinned?: ReadonlyMap<string, string>;
}

/** A process that works on runs, or did. */
export interface WorkerState {
  readonly worker: string;
  /** False when it is gone, whether anybody has noticed or not. */
  readonly alive: boolean;
  /** Runs that are in its hands. */
  readonly runs: number;
}

/** What there is to do, and who does it. */
export interface Workload {
  /** By workflow, the longest wait first; 100 at most. */
  readonly due: readonly DueRuns[];
  /** Those that are alive, and those that are gone and still have runs. */
  readonly workers: readonly WorkerState[];
}
