/** The columns of a run as `readRun` takes them. */
export const RUN_COLUMNS = `run_id, workflow_name, domain, partition, tags, run_key, run_scope, status, version, token, worker,
  fingerprint, params, params_hash, outputs, error, coalesce(metrics, '{}') AS metrics, triggered_by, parent_run_id,
  crashes, attempts, created_at, started_at, completed_at, available_at, queue, concurrency_key, rank, started_by, open_steps, open_version, open_since,
  parent_step, rerun_of, deadline_at, inbox, ends_as, has_undo, inherited`;

/** The columns of an attempt as `readStep` takes them. */
export const STEP_COLUMNS = `run_id, seq, step_name, step_type, attempt, status, output, error, rows_in, rows_out,
  rows_rejected, metrics, started_at, completed_at, retry_at, begun_event, ended_event`;
