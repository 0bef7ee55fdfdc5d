import {
  type CheckpointRecord,
  decodeJson,
  type EndsAs,
  type ErrorJson,
  type ErrorSummary,
  type JsonValue,
  type Metrics,
  type Partition,
  type PartitionRecord,
  type PartitionState,
  type RunRecord,
  type RunStatus,
  type RunSummary,
  type SignalRecord,
  type StepRecord,
  type StepStatus,
} from "spine-core";
import { type OpenStep, readOpenSteps } from "./open-steps.ts";
import { type ProgressRow, progressOf } from "./progress-rows.ts";
import { priorityOf } from "./run-rank.ts";

/** A row of `workflow_runs`. */
export interface RunRow {
  readonly run_id: string;
  readonly workflow_name: string;
  readonly domain: string | null;
  readonly partition: string | null;
  readonly tags: string | null;
  readonly run_key: string | null;
  /** Empty for the common scope: the unique index has to compare it. */
  readonly run_scope: string;
  readonly status: string;
  readonly version: number;
  readonly token: number;
  readonly worker: string | null;
  readonly fingerprint: string;
  readonly params: string;
  readonly params_hash: string;
  readonly outputs: string | null;
  readonly error: string | null;
  readonly metrics: string;
  readonly triggered_by: string;
  readonly parent_run_id: string | null;
  readonly parent_step: string | null;
  readonly rerun_of: string | null;
  readonly deadline_at: string | null;
  /** How many messages it has got. */
  readonly inbox: number;
  /** What it is on its way to while its steps are undone. */
  readonly ends_as: string | null;
  /** True or 1 when its workflow has anything that is taken back. */
  readonly has_undo: boolean | number;
  readonly inherited: number;
  /** How long its deadline is, once a retry has moved it. */
  readonly deadline_ms?: number | null;
  readonly crashes: number;
  readonly attempts: number;
  readonly created_at: string;
  readonly started_at: string | null;
  readonly completed_at: string | null;
  readonly available_at: string | null;
  /** Empty for none: an index compares it. */
  readonly queue: string;
  readonly concurrency_key: string | null;
  /** See `run-rank.ts`. */
  readonly rank: number;
  /** The worker that it started with at once, or that claimed it when nothing had happened to it yet. */
  readonly started_by: string | null;
  /** The attempts under way; see `open-steps.ts`. */
  readonly open_steps: string | null;
  /** What belongs to attempts that began in the last write that changed them, where the database fills it in. */
  readonly open_version?: number | null;
  readonly open_since?: string | null;
}

/** The columns of a run in a list, in the order in which `readSummary` takes them. */
export const SUMMARY_COLUMNS = [
  "run_id",
  "workflow_name",
  "domain",
  "partition",
  "tags",
  "run_key",
  "status",
  "version",
  "error",
  "triggered_by",
  "parent_run_id",
  "crashes",
  "created_at",
  "started_at",
  "completed_at",
  "available_at",
  "run_scope",
  "queue",
  "rank",
  "concurrency_key",
  "parent_step",
  "rerun_of",
  "deadline_at",
  "fingerprint",
] as const satisfies readonly (keyof RunRow)[];

/** The values of one run in a list. */
export type SummaryRow = ValuesOf<typeof SUMMARY_COLUMNS>;
type ValuesOf<Names extends readonly (keyof RunRow)[]> = { readonly [I in keyof Names]: RunRow[Names[I]] };

/** A row of `workflow_step_runs`: an attempt that has ended. */
export interface StepRow {
  readonly run_id: string;
  readonly seq: number;
  readonly step_name: string;
  readonly step_type: string;
  readonly attempt: number;
  readonly status: string;
  readonly output: string | null;
  readonly error: string | null;
  readonly rows_in: number | null;
  readonly rows_out: number | null;
  readonly rows_rejected: number | null;
  readonly metrics: string | null;
  readonly started_at: string;
  readonly completed_at: string;
  readonly retry_at: string | null;
  /** The numbers of the events that told its beginning and its end. */
  readonly begun_event: number;
  readonly ended_event: number;
}

/** A row of `run_events`. */
export interface EventRow {
  readonly run_id: string;
  readonly seq: number;
  readonly type: string;
  readonly at: string;
  readonly data: string;
}

/** A row of `partitions`. */
export interface PartitionRow {
  readonly table_name: string;
  readonly partition: string;
  readonly run_id: string;
  readonly load_id: string;
  readonly hash: string;
  readonly rows: number;
  readonly loaded_at: string;
}

// What the casts below say was written by this package's own statements.

/** A run as the port has it. */
export function readRun(row: RunRow): RunRecord {
  return {
    runId: row.run_id,
    workflow: row.workflow_name,
    domain: row.domain,
    partition: readJson(row.partition) as Partition | null,
    tags: readTags(row.tags),
    key: row.run_key,
    scope: orNull(row.run_scope),
    status: row.status as RunStatus,
    version: row.version,
    token: row.token,
    worker: row.worker,
    fingerprint: row.fingerprint,
    params: decodeJson(row.params),
    paramsHash: row.params_hash,
    outputs: readJson(row.outputs),
    error: readJson(row.error) as ErrorJson | null,
    metrics: decodeJson(row.metrics) as Metrics,
    triggeredBy: row.triggered_by,
    parentRunId: row.parent_run_id,
    parentStep: row.parent_step,
    rerunOf: row.rerun_of,
    deadline: row.deadline_at,
    inbox: row.inbox,
    hasUndo: Boolean(row.has_undo),
    inherited: row.inherited,
    endsAs: row.ends_as as EndsAs | null,
    queue: orNull(row.queue),
    priority: priorityOf(row.rank),
    concurrencyKey: row.concurrency_key,
    crashes: row.crashes,
    createdAt: row.created_at,
    startedAt: row.started_at,
    completedAt: row.completed_at,
    availableAt: row.available_at,
  };
}

/** A run of a list as the port has it. Rows of arrays: a page has many, and each name of each would be looked up. */
export function readSummary(row: SummaryRow): RunSummary {
  return {
    runId: row[0],
    workflow: row[1],
    domain: row[2],
    partition: readJson(row[3]) as Partition | null,
    tags: readTags(row[4]),
    key: row[5],
    status: row[6] as RunStatus,
    version: row[7],
    error: readErrorSummary(row[8]),
    triggeredBy: row[9],
    parentRunId: row[10],
    crashes: row[11],
    createdAt: row[12],
    startedAt: row[13],
    completedAt: row[14],
    availableAt: row[15],
    scope: orNull(row[16]),
    queue: orNull(row[17]),
    priority: priorityOf(row[18]),
    concurrencyKey: row[19],
    parentStep: row[20],
    rerunOf: row[21],
    deadline: row[22],
    fingerprint: row[23],
  };
}

function readErrorSummary(text: string | null): ErrorSummary | null {
  if (text === null) return null;
  const { code, category, message } = decodeJson(text) as unknown as ErrorJson;
  return { code, category, message };
}

/** The common scope, and no queue, are the empty text in tables. */
function orNull(text: string): string | null {
  return text === "" ? null : text;
}

const NO_TAGS: readonly string[] = Object.freeze([]);

function readTags(text: string | null): readonly string[] {
  return text === null ? NO_TAGS : (decodeJson(text) as readonly string[]);
}

/** A run's tags as they are stored: nothing where there are none. */
export function tagsText(tags: readonly string[] = []): string | null {
  return tags.length === 0 ? null : JSON.stringify(tags);
}

/** The attempts under way that a run's row names. */
export function openStepsOf({
  open_steps,
  open_version,
  open_since,
}: Pick<RunRow, "open_steps" | "open_version" | "open_since">): readonly OpenStep[] {
  return readOpenSteps(open_steps, { version: open_version ?? 0, at: open_since ?? "" });
}

/** All attempts of a run as the port has them, in the order in which they began. */
export function readSteps(
  run: RunRow,
  ended: readonly StepRow[],
  progress: readonly ProgressRow[] = [],
): readonly StepRecord[] {
  const steps = ended.map(readStep);
  const open = openStepsOf(run);
  if (open.length === 0) return steps;
  const running = open.map((step) => readOpenStep(run.run_id, step, progress));
  return [...steps, ...running].sort((a, b) => a.seq - b.seq);
}

function readOpenStep(runId: string, step: OpenStep, progress: readonly ProgressRow[]): StepRecord {
  const { seq, name, kind, attempt, at, wait } = step;
  return {
    runId,
    seq,
    name,
    kind,
    attempt,
    status: wait ? "WAITING" : "RUNNING",
    output: null,
    error: null,
    rows: null,
    metrics: {},
    startedAt: at,
    completedAt: null,
    retryAt: null,
    waitingFor: wait?.reason ?? null,
    waitingUntil: wait?.until ?? null,
    progress: wait ? null : progressOf(progress, step),
  };
}

/** An attempt that has ended as the port has it. */
export function readStep(row: StepRow): StepRecord {
  const { rows_in, rows_out, rows_rejected } = row;
  return {
    runId: row.run_id,
    seq: row.seq,
    name: row.step_name,
    kind: row.step_type,
    attempt: row.attempt,
    status: row.status as StepStatus,
    output: readJson(row.output),
    error: readJson(row.error) as ErrorJson | null,
    rows: rows_in === null ? null : { in: rows_in, out: rows_out ?? 0, rejected: rows_rejected ?? 0 },
    metrics: (readJson(row.metrics) ?? {}) as Metrics,
    startedAt: row.started_at,
    completedAt: row.completed_at,
    retryAt: row.retry_at,
    waitingFor: null,
    waitingUntil: null,
    progress: null,
  };
}

/** A partition as the port has it. */
export function readPartition(row: PartitionRow): PartitionRecord {
  return {
    table: row.table_name,
    partition: decodeJson(row.partition) as Partition,
    runId: row.run_id,
    loadId: row.load_id,
    hash: row.hash,
    rows: row.rows,
    loadedAt: row.loaded_at,
  };
}

/** What is known of a partition, as one row: the names of its columns are those of `PartitionRow`, null where nothing is loaded. */
export type PartitionStateRow = { readonly [K in keyof PartitionRow]: PartitionRow[K] | null } & {
  readonly position: number;
  readonly newest_run: string | null;
  readonly newest_status: string | null;
};

export function readPartitionState(row: PartitionStateRow): PartitionState {
  const { newest_run, newest_status } = row;
  return {
    loaded: row.load_id === null ? null : readPartition(row as PartitionRow),
    newest: newest_run === null ? null : { runId: newest_run, status: newest_status as RunStatus },
  };
}

function readJson(text: string | null): JsonValue | null {
  return text === null ? null : decodeJson(text);
}

/** A row of `step_checkpoints`. */
export interface CheckpointRow {
  readonly step_name: string;
  readonly checkpoint_key: string;
  readonly value: string;
}

export function readCheckpoint({ step_name, checkpoint_key, value }: CheckpointRow): CheckpointRecord {
  return { step: step_name, key: checkpoint_key, value: decodeJson(value) };
}

/** A row of `signals`. */
export interface SignalRow {
  readonly signal_id: string;
  readonly name: string;
  readonly payload: string;
  readonly sent_at: string;
}

export function readSignal({ signal_id, name, payload, sent_at }: SignalRow): SignalRecord {
  return { signalId: signal_id, name, payload: decodeJson(payload), sentAt: sent_at };
}
