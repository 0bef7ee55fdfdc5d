import type { Partition } from "../context.ts";
import type { ErrorJson } from "../errors.ts";
import type { JsonValue } from "../json.ts";

export const RUN_STATUSES = [
  "PENDING",
  "RUNNING",
  "WAITING",
  "PAUSED",
  "COMPLETED",
  "FAILED",
  "CANCELLED",
] as const;
export type RunStatus = (typeof RUN_STATUSES)[number];

export const STEP_STATUSES = [
  "PENDING",
  "RUNNING",
  "WAITING",
  "COMPLETED",
  "FAILED",
  "SKIPPED",
  "CANCELLED",
] as const;
export type StepStatus = (typeof STEP_STATUSES)[number];

const TERMINAL: ReadonlySet<RunStatus> = new Set(["COMPLETED", "FAILED", "CANCELLED"]);

/** True when a run in this status does not go on by itself. */
export function isTerminal(status: RunStatus): boolean {
  return TERMINAL.has(status);
}

/** How many rows went into a step, came out of it, and were refused by it. */
export interface RowCounts {
  readonly in: number;
  readonly out: number;
  readonly rejected: number;
}

/** How far an attempt under way has come, as it said last. */
export interface StepProgress {
  readonly rows: RowCounts | null;
  /** How much of it is done, in `unit`s; of a fetch, the bytes read. */
  readonly done: number | null;
  /** How much there is in all, where known. Often an estimate: `done` may come to more. */
  readonly total: number | null;
  /** What is counted: `bytes`, `rows`, `files`, … */
  readonly unit: string | null;
  readonly message: string | null;
  /** When it said so, ISO time of the process that did. */
  readonly at: string;
}

export type Metrics = Readonly<Record<string, number | string>>;

/** An error as a list shows it. */
export type ErrorSummary = Pick<ErrorJson, "code" | "category" | "message">;

/** A run as a list shows it: what is long, or of no use there, stands in the record only. Times are ISO texts in UTC. */
export interface RunSummary {
  readonly runId: string;
  readonly workflow: string;
  /** The fingerprint of the step list that it was started with. */
  readonly fingerprint: string;
  readonly domain: string | null;
  readonly partition: Partition | null;
  /** Sorted, each once. */
  readonly tags: readonly string[];
  /** The idempotency key that it was started with. */
  readonly key: string | null;
  /** The scope of its key; null for the common one. */
  readonly scope: string | null;
  readonly status: RunStatus;
  /** Counts the writes to the run: an ETag, and the sequence number of its newest event. */
  readonly version: number;
  readonly error: ErrorSummary | null;
  readonly triggeredBy: string;
  readonly parentRunId: string | null;
  /** The step of its parent that waits for it. */
  readonly parentStep: string | null;
  /** The run that it repeats. */
  readonly rerunOf: string | null;
  /** When it fails if it has not ended. */
  readonly deadline: string | null;
  /** The queue that it stands in; null for none. */
  readonly queue: string | null;
  /** -100 to 100; of runs that wait, those with a higher one begin first. */
  readonly priority: number;
  /** Whose turn it is: a queue may limit the runs at work with the same one. */
  readonly concurrencyKey: string | null;
  /** How often its worker was lost while a step was under way, since it was retried the last time. */
  readonly crashes: number;
  readonly createdAt: string;
  readonly startedAt: string | null;
  readonly completedAt: string | null;
  /** When it may be claimed, while PENDING or WAITING; while PAUSED: when its deadline ends it. */
  readonly availableAt: string | null;
}

/** A run as stored. */
export interface RunRecord extends RunSummary {
  /** The fencing token: raised whenever the run changes hands. */
  readonly token: number;
  /** The worker that holds it, while it runs. */
  readonly worker: string | null;
  readonly params: JsonValue;
  readonly paramsHash: string;
  readonly outputs: JsonValue | null;
  readonly error: ErrorJson | null;
  readonly metrics: Metrics;
  /** How many messages (signals, ends of children) it has got. */
  readonly inbox: number;
  /** True when the workflow that it was started with has anything that is taken back. */
  readonly hasUndo: boolean;
  /** How many of its first attempts it has from the run that it repeats. */
  readonly inherited: number;
  /** What it is on its way to, while its finished steps are undone. */
  readonly endsAs: "FAILED" | "CANCELLED" | null;
}

/** One attempt of one step. */
export interface StepRecord {
  readonly runId: string;
  /** Position in the run's order of attempts, from 1; `step_id` on the wire is `<run id>-<seq>`. */
  readonly seq: number;
  readonly name: string;
  readonly kind: string;
  /** 1 for the first attempt. */
  readonly attempt: number;
  readonly status: StepStatus;
  readonly output: JsonValue | null;
  readonly error: ErrorJson | null;
  readonly rows: RowCounts | null;
  readonly metrics: Metrics;
  readonly startedAt: string;
  readonly completedAt: string | null;
  /** When the next attempt begins, for a failed attempt that is tried again later. */
  readonly retryAt: string | null;
  /** What a WAITING attempt waits for; null when only for a time, and for all others. */
  readonly waitingFor: string | null;
  /** When the time of a WAITING attempt is over; null when none ends it, and for all others. */
  readonly waitingUntil: string | null;
  /**
   * How far it has come, of a RUNNING attempt that has said so; null for all others, and in what a claim returns. At most
   * about a second old, and longer while a transaction of its run is open.
   */
  readonly progress: StepProgress | null;
}

/** A run with what belongs to it. */
export interface RunDetail {
  readonly run: RunRecord;
  /** All attempts in the order in which they began. */
  readonly steps: readonly StepRecord[];
}

/** A checkpoint inside a step. */
export interface CheckpointRecord {
  readonly step: string;
  readonly key: string;
  readonly value: JsonValue;
}

/** One entry of a run's append-only log. `seq` grows by one within the run, without gaps. */
export interface RunEvent {
  readonly runId: string;
  readonly seq: number;
  /** e.g. `run.created`, `step.started`, `step.completed`, `run.failed`. */
  readonly type: string;
  readonly at: string;
  readonly data: JsonValue;
}
