import { BEGUN } from "../run-rank.ts";
import type { StateTables } from "../state-tables.ts";

/** The statements that are executed all the time: made once, so that the connection finds them by their text at once. */
export interface HistorySql {
  readonly tables: StateTables;
  readonly runRow: string;
  /** How far the runs of a JSON list of ids are. */
  readonly glance: string;
  readonly owned: string;
  readonly stepRows: string;
  /** How far the steps of a JSON list of names have come. */
  readonly progressRows: string;
  readonly checkpointRows: string;
  readonly insertRun: string;
  /** The same for a run with a queue or a priority of its own. */
  readonly insertQueuedRun: string;
  /** The same for a run with more about it than most have: a step that waits for it, a deadline, a debounce key, … */
  readonly insertLinkedRun: string;
  /** The same for a run that may be there already. */
  readonly insertChild: string;
  /** The run that has a key already. */
  readonly runByKey: string;
  /** The run that a debounced start changes instead of making another. */
  readonly runByDebounce: string;
  readonly debounceRun: string;
  readonly insertStep: string;
  readonly insertEvent: string;
  readonly insertCheckpoint: string;
  readonly insertSignal: string;
  readonly signalById: string;
  /** A run that got a signal. */
  readonly signalRun: string;
  /** Signals of a JSON list of ids that nobody else gets any more. */
  readonly takeSignals: string;
  /** Gives a run to a worker; its row as it is then. */
  readonly claimRun: string;
  /** Records the first attempts of a run that was just claimed. */
  readonly beginRun: string;
  /** What a transition, or a signal, starts from. */
  readonly runPosition: string;
  /** Moves a run on; its WHERE is the fence, and the version that the new one was counted from. */
  readonly moveRun: string;
  /** The same for a transition that changes more than the run's position. */
  readonly changeRun: string;
  /** The same for one that also sets what the run is on its way to, or compares what has come for it. */
  readonly changeRunAndMore: string;
}

const FENCE = "WHERE run_id = ? AND worker = ? AND token = ? AND status = 'RUNNING' AND version = ?";

/** The statements for one set of table names. */
export function historySql(t: StateTables): HistorySql {
  return {
    tables: t,
    runRow: `SELECT * FROM ${t.workflow_runs} WHERE run_id = ?`,
    glance: `SELECT run_id AS runId, status, version, token, inbox FROM ${t.workflow_runs}
WHERE run_id IN (SELECT value FROM json_each(?))`,
    owned: `SELECT run_id AS runId, status, version, token, inbox FROM ${t.workflow_runs}
WHERE status = 'RUNNING' AND worker = ?`,
    stepRows: `SELECT * FROM ${t.workflow_step_runs} WHERE run_id = ? ORDER BY seq`,
    progressRows: `SELECT * FROM ${t.step_progress} WHERE run_id = ? AND step_name IN (SELECT value FROM json_each(?))`,
    checkpointRows: `SELECT step_name, checkpoint_key, value FROM ${t.step_checkpoints} WHERE run_id = ?`,
    insertRun: insertRun(t, "", ""),
    insertQueuedRun: insertRun(t, QUEUE_COLUMNS, ", ?22, ?23, ?24"),
    insertLinkedRun: insertRun(t, LINK_COLUMNS, LINK_VALUES) + DEBOUNCED,
    insertChild: `${insertRun(t, LINK_COLUMNS, LINK_VALUES)}\nON CONFLICT (run_id) DO NOTHING`,
    runByKey: `SELECT run_id, params_hash FROM ${t.workflow_runs} WHERE workflow_name = ? AND run_scope = ? AND run_key = ?`,
    runByDebounce: `SELECT run_id, version, created_at FROM ${t.workflow_runs}
WHERE workflow_name = ? AND run_scope = ? AND debounce_key = ? AND debounce_key IS NOT NULL AND status = 'PENDING'`,
    debounceRun: `UPDATE ${t.workflow_runs} SET params = ?, params_hash = ?, available_at = ?, version = ? WHERE run_id = ?`,
    insertStep: `INSERT INTO ${t.workflow_step_runs} (run_id, seq, step_name, step_type, attempt, status, output, error,
  rows_in, rows_out, rows_rejected, metrics, begun_event, ended_event, started_at, completed_at, retry_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    insertEvent: `INSERT INTO ${t.run_events} (run_id, seq, type, at, data) VALUES (?, ?, ?, ?, ?)`,
    insertCheckpoint: `INSERT INTO ${t.step_checkpoints} (run_id, step_name, checkpoint_key, value, recorded_at)
VALUES (?, ?, ?, ?, ?)`,
    insertSignal: `INSERT INTO ${t.signals} (run_id, seq, signal_id, name, payload, sent_at) VALUES (?, ?, ?, ?, ?, ?)`,
    signalById: `SELECT 1 FROM ${t.signals} WHERE run_id = ? AND signal_id = ?`,
    signalRun: `UPDATE ${t.workflow_runs} SET version = ?1, inbox = inbox + 1,
  available_at = iif(status = 'WAITING', min(coalesce(available_at, ?2), ?2), available_at) WHERE run_id = ?3`,
    takeSignals: `UPDATE ${t.signals} SET taken = 1
WHERE run_id = ? AND signal_id IN (SELECT value FROM json_each(?))`,
    claimRun: `UPDATE ${t.workflow_runs} SET
  status = 'RUNNING', worker = ?1, token = token + 1, version = version + 1, available_at = NULL, debounce_key = NULL,
  rank = iif(started_at IS NULL, rank | ${BEGUN}, rank), started_by = iif(version = 1, ?1, started_by),
  started_at = coalesce(started_at, ?2), crashes = crashes + iif(?3 AND open_steps IS NOT NULL, 1, 0)
WHERE run_id = ?4 RETURNING *`,
    beginRun: `UPDATE ${t.workflow_runs} SET version = ?, attempts = ?, open_steps = ? WHERE run_id = ?`,
    runPosition: `SELECT status, version, attempts, open_steps FROM ${t.workflow_runs} WHERE run_id = ?`,
    moveRun: `UPDATE ${t.workflow_runs} SET version = ?, attempts = ?, open_steps = ? ${FENCE}`,
    changeRun: changeRun(t, "available_at = ?"),
    changeRunAndMore: changeRun(t, "ends_as = iif(?, ?, ends_as), available_at = iif(inbox > ?, ?, ?)"),
  };
}

const QUEUE_COLUMNS = ", queue, rank, concurrency_key";
const LINK_COLUMNS = `${QUEUE_COLUMNS}, parent_step, rerun_of, deadline_at, debounce_key, has_undo, inherited`;
const LINK_VALUES = ", ?22, ?23, ?24, ?25, ?26, ?27, ?28, ?29, ?30";
const DEBOUNCED = `
ON CONFLICT (workflow_name, run_scope, debounce_key) WHERE debounce_key IS NOT NULL AND status = 'PENDING' DO NOTHING`;

function changeRun(t: StateTables, due: string): string {
  return `UPDATE ${t.workflow_runs} SET version = ?, attempts = ?, open_steps = ?,
  metrics = json_patch(metrics, ?), status = ?, outputs = coalesce(?, outputs), error = iif(?, ?, error),
  worker = iif(?, worker, NULL), completed_at = ?, ${due} ${FENCE}`;
}

function insertRun(t: StateTables, columns: string, values: string): string {
  return `INSERT INTO ${t.workflow_runs} (run_id, workflow_name, domain, partition_key, partition, run_key, status,
  version, token, worker, fingerprint, params, params_hash, triggered_by, parent_run_id, attempts, open_steps, created_at,
  started_at, started_by, available_at, tags, run_scope${columns})
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 1, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?9, ?19, ?20, ?21${values})
ON CONFLICT (workflow_name, run_scope, run_key) WHERE run_key IS NOT NULL DO NOTHING`;
}
