import type { StateTables } from "./state-tables.ts";

/** The statements of the history that are executed for every step: written once, so that they stay prepared. */
export interface HistorySql {
  readonly tables: StateTables;
  readonly insertRun: string;
  readonly runOfKey: string;
  readonly runStatus: string;
  readonly runRow: string;
  readonly stepRows: string;
  readonly openSteps: string;
  readonly insertStep: string;
  readonly endStep: string;
  readonly cancelSteps: string;
  readonly insertEvent: string;
  readonly insertLoad: string;
  readonly putPartition: string;
  readonly insertQuality: string;
}

/** The statements for one set of table names. */
export function historySql(t: StateTables): HistorySql {
  return {
    tables: t,
    insertRun: `INSERT INTO ${t.workflow_runs} (
  run_id, workflow_name, domain, partition_key, partition, run_key, status, version, token, worker, fingerprint,
  params, params_hash, triggered_by, parent_run_id, attempts, created_at, started_at, available_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, 1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (workflow_name, run_key) WHERE run_key IS NOT NULL DO NOTHING`,
    runOfKey: `SELECT run_id, params_hash FROM ${t.workflow_runs} WHERE workflow_name = ? AND run_key = ?`,
    runStatus: `SELECT status FROM ${t.workflow_runs} WHERE run_id = ?`,
    runRow: `SELECT * FROM ${t.workflow_runs} WHERE run_id = ?`,
    stepRows: `SELECT * FROM ${t.workflow_step_runs} WHERE run_id = ? ORDER BY seq`,
    openSteps: `SELECT step_name, attempt FROM ${t.workflow_step_runs}
WHERE run_id = ? AND status IN ('RUNNING', 'WAITING') ORDER BY seq`,
    insertStep: `INSERT INTO ${t.workflow_step_runs} (run_id, seq, step_name, step_type, attempt, status, started_at)
VALUES (?, ?, ?, ?, ?, 'RUNNING', ?)`,
    endStep: `UPDATE ${t.workflow_step_runs} SET
  status = ?, output = ?, error = ?, rows_in = ?, rows_out = ?, rows_rejected = ?, metrics = ?, completed_at = ?, retry_at = ?
WHERE run_id = ? AND step_name = ? AND attempt = ? AND status IN ('RUNNING', 'WAITING')`,
    cancelSteps: `UPDATE ${t.workflow_step_runs} SET status = 'CANCELLED', error = ?, completed_at = ?
WHERE run_id = ? AND status IN ('RUNNING', 'WAITING')`,
    insertEvent: `INSERT INTO ${t.run_events} (run_id, seq, type, at, data) VALUES (?, ?, ?, ?, ?)`,
    insertLoad: `INSERT INTO ${t.loads} (
  load_id, run_id, step_name, table_name, partition_key, partition, disposition, dataset_id, hash, inserted, superseded, loaded_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    putPartition: `INSERT INTO ${t.partitions} (
  table_name, partition_key, partition, run_id, load_id, hash, rows, loaded_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (table_name, partition_key) DO UPDATE SET
  run_id = excluded.run_id, load_id = excluded.load_id, hash = excluded.hash, rows = excluded.rows, loaded_at = excluded.loaded_at`,
    insertQuality: `INSERT INTO ${t.quality_results} (
  run_id, event_seq, position, step_name, check_name, category, status, blocking, message, actual, expected,
  rows_tested, rows_failed, samples, recorded_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  };
}
