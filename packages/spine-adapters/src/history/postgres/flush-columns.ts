import { RowColumns } from "./row-set.ts";

const moves = {
  run_id: "uuid",
  worker: "text",
  token: "int8",
  events: "int4",
  attempts: "int4",
  open_steps: "json",
  open_version: "int8",
};

const created = {
  run_id: "uuid",
  workflow_name: "text",
  domain: "text",
  partition_key: "text",
  partition: "json",
  tags: "json",
  run_key: "text",
  run_scope: "text",
  worker: "text",
  fingerprint: "text",
  params: "json",
  params_hash: "text",
  triggered_by: "text",
  parent_run_id: "text",
  version: "int8",
  attempts: "int4",
  open_steps: "json",
  available_at: "timestamptz",
};

const queued = { ...created, queue: "text", rank: "int2", concurrency_key: "text" };

const related = {
  ...queued,
  parent_step: "text",
  rerun_of: "text",
  deadline_at: "timestamptz",
  debounce_key: "text",
  latest_ms: "int8",
  has_undo: "bool",
  inherited: "int4",
};

const changes = {
  ...moves,
  status: "text",
  ends: "bool",
  outputs: "json",
  sets_error: "bool",
  error: "json",
  available_at: "timestamptz",
  metrics: "jsonb",
};

/** How an attempt ended. */
const outcome = {
  status: "text",
  output: "json",
  error: "json",
  rows_in: "int8",
  rows_out: "int8",
  rows_rejected: "int8",
  metrics: "json",
  retry_at: "timestamptz",
};

/** The columns of what a flush writes, in the order of its parameters. */
export const FLUSH_COLUMNS = {
  created: new RowColumns(created),
  /** New runs of which some have a queue or a priority of their own. */
  queued: new RowColumns(queued),
  /** New runs of which some have a parent that waits for them, repeat others, have a deadline, or are debounced. */
  related: new RowColumns(related),
  /** Runs that go on: attempts of theirs end and begin, and that is all. */
  moves: new RowColumns(moves),
  /** Moves of which some change more than that, or something else only (`open_version` is null). */
  changes: new RowColumns(changes),
  /** Changes of which some depend on messages, or say what their runs are on their way to. */
  turns: new RowColumns({ ...changes, inbox: "int4", sets_ends_as: "bool", ends_as: "text" }),
  ended: new RowColumns({
    run_id: "uuid",
    pos: "int4",
    seq: "int4",
    name: "text",
    kind: "text",
    attempt: "int4",
    begun_event: "int8",
    started_at: "timestamptz",
    ...outcome,
  }),
  events: new RowColumns({ run_id: "uuid", pos: "int4", type: "text", data: "json" }),
  loads: new RowColumns({
    run_id: "uuid",
    load_id: "text",
    step_name: "text",
    table_name: "text",
    partition_key: "text",
    partition: "json",
    disposition: "text",
    dataset_id: "text",
    hash: "text",
    inserted: "int8",
    superseded: "int8",
  }),
  partitions: new RowColumns({
    run_id: "uuid",
    table_name: "text",
    partition_key: "text",
    partition: "json",
    load_id: "text",
    hash: "text",
    rows: "int8",
  }),
  quality: new RowColumns({
    run_id: "uuid",
    pos: "int4",
    position: "int4",
    step_name: "text",
    check_name: "text",
    category: "text",
    status: "text",
    blocking: "bool",
    message: "text",
    actual: "text",
    expected: "text",
    rows_tested: "int8",
    rows_failed: "int8",
    samples: "json",
    scope: "text",
  }),
  alerts: new RowColumns({
    run_id: "uuid",
    alert_id: "uuid",
    severity: "text",
    title: "text",
    message: "text",
    source: "text",
    workflow_name: "text",
    step_name: "text",
    domain: "text",
    partition: "json",
    labels: "json",
    fingerprint: "text",
    details: "json",
  }),
  logs: new RowColumns({
    run_id: "uuid",
    pos: "int4",
    position: "int4",
    step_name: "text",
    attempt: "int4",
    level: "text",
    message: "text",
    fields: "json",
    logged_at: "timestamptz",
  }),
  progress: new RowColumns({
    run_id: "uuid",
    step_name: "text",
    attempt: "int4",
    rows_in: "int8",
    rows_out: "int8",
    rows_rejected: "int8",
    done: "float8",
    total: "float8",
    unit: "text",
    message: "text",
    said_at: "timestamptz",
  }),
  cursors: new RowColumns({
    run_id: "uuid",
    workflow_name: "text",
    step_name: "text",
    scope: "text",
    kind: "text",
    position: "text",
    value: "json",
    resets: "int4",
  }),
  manifest: new RowColumns({
    run_id: "uuid",
    domain: "text",
    partition_key: "text",
    stage: "text",
    stage_rank: "int4",
    partition: "json",
    rows: "int8",
    metrics: "json",
  }),
  checkpoints: new RowColumns({ run_id: "uuid", step_name: "text", checkpoint_key: "text", value: "json" }),
  /** Attempts that new runs have from those that they repeat. */
  inherited: new RowColumns({
    run_id: "uuid",
    pos: "int4",
    seq: "int4",
    name: "text",
    kind: "text",
    attempt: "int4",
    ...outcome,
  }),
  /** New runs that only exist when their parent's write does. */
  children: new RowColumns(related),
  /** Signals that were handed to a step. */
  taken: new RowColumns({ run_id: "uuid", signal_id: "text" }),
  /** Runs that end, and the runs that wait for that. */
  parents: new RowColumns({ run_id: "uuid", parent_id: "uuid" }),
} as const;

/** What a flush may write. */
export type FlushPart = keyof typeof FLUSH_COLUMNS;
