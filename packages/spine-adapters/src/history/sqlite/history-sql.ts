import type { StateTables } from "../state-tables.ts";

/** The statements that several parts of the history share. */
export interface HistorySql {
  readonly tables: StateTables;
  readonly runRow: string;
  readonly runStatus: string;
  readonly stepRows: string;
  readonly checkpointRows: string;
  /** The attempts of a run that are under way. */
  readonly openSteps: string;
  readonly cancelSteps: string;
}

/** The statements for one set of table names. */
export function historySql(t: StateTables): HistorySql {
  return {
    tables: t,
    runRow: `SELECT * FROM ${t.workflow_runs} WHERE run_id = ?`,
    runStatus: `SELECT status FROM ${t.workflow_runs} WHERE run_id = ?`,
    stepRows: `SELECT * FROM ${t.workflow_step_runs} WHERE run_id = ? ORDER BY seq`,
    checkpointRows: `SELECT step_name, checkpoint_key, value FROM ${t.step_checkpoints} WHERE run_id = ?`,
    openSteps: `SELECT step_name, attempt FROM ${t.workflow_step_runs}
WHERE run_id = ? AND status IN ('RUNNING', 'WAITING') ORDER BY seq`,
    cancelSteps: `UPDATE ${t.workflow_step_runs} SET status = 'CANCELLED', error = ?, completed_at = ?
WHERE run_id = ? AND status IN ('RUNNING', 'WAITING')`,
  };
}
