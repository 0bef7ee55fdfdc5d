import type { SqliteMigration } from "./migration.ts";

// Alerts, which commit with what they are about; and what checks found, by workflow and check from run to run. The index by scope is
// for checks that compare with the runs of one kind only: results without a scope are not in it.
export const alerts: SqliteMigration = {
  id: "0008-alerts",
  minReader: "0001-initial",
  sql: (t) => `
CREATE TABLE ${t.alerts} (
  alert_id TEXT NOT NULL PRIMARY KEY,
  severity TEXT NOT NULL,
  title TEXT NOT NULL,
  message TEXT NOT NULL,
  source TEXT NOT NULL,
  workflow_name TEXT NOT NULL,
  run_id TEXT NOT NULL,
  step_name TEXT,
  domain TEXT,
  partition TEXT,
  labels TEXT NOT NULL,
  fingerprint TEXT NOT NULL,
  details TEXT NOT NULL,
  raised_at TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX ${t.prefix}alerts_by_run ON ${t.alerts} (run_id, alert_id);
CREATE INDEX ${t.prefix}alerts_by_workflow ON ${t.alerts} (workflow_name, alert_id);
CREATE INDEX ${t.prefix}alerts_by_severity ON ${t.alerts} (severity, alert_id);

ALTER TABLE ${t.quality_results} ADD COLUMN workflow_name TEXT;
ALTER TABLE ${t.quality_results} ADD COLUMN scope TEXT;
UPDATE ${t.quality_results} AS q SET workflow_name =
  (SELECT r.workflow_name FROM ${t.workflow_runs} r WHERE r.run_id = q.run_id);
CREATE INDEX ${t.prefix}quality_results_by_check
  ON ${t.quality_results} (workflow_name, check_name, run_id, event_seq, position);
CREATE INDEX ${t.prefix}quality_results_by_scope
  ON ${t.quality_results} (workflow_name, check_name, scope, run_id, event_seq, position) WHERE scope IS NOT NULL;
`,
};
