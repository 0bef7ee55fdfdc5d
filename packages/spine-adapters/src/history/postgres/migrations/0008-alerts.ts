import type { PostgresMigration } from "./migration.ts";

// Alerts, which commit with what they are about; and what checks found, by workflow and check from run to run. The index by scope is
// for checks that compare with the runs of one kind only: results without a scope are not in it.
export const alerts: PostgresMigration = {
  id: "0008-alerts",
  minReader: "0001-initial",
  sql: (s) => `
CREATE TABLE ${s}.alerts (
  alert_id uuid NOT NULL PRIMARY KEY,
  severity text COLLATE "C" NOT NULL,
  title text NOT NULL,
  message text NOT NULL,
  source text COLLATE "C" NOT NULL,
  workflow_name text COLLATE "C" NOT NULL,
  run_id uuid NOT NULL,
  step_name text COLLATE "C",
  domain text COLLATE "C",
  partition json,
  labels json NOT NULL,
  fingerprint text COLLATE "C" NOT NULL,
  details json NOT NULL,
  raised_at timestamptz(3) NOT NULL
);
CREATE INDEX alerts_by_run ON ${s}.alerts (run_id, alert_id);
CREATE INDEX alerts_by_workflow ON ${s}.alerts (workflow_name, alert_id);
CREATE INDEX alerts_by_severity ON ${s}.alerts (severity, alert_id);

ALTER TABLE ${s}.quality_results ADD COLUMN workflow_name text COLLATE "C";
ALTER TABLE ${s}.quality_results ADD COLUMN scope text COLLATE "C";
UPDATE ${s}.quality_results q SET workflow_name = r.workflow_name FROM ${s}.workflow_runs r WHERE r.run_id = q.run_id;
CREATE INDEX quality_results_by_check
  ON ${s}.quality_results (workflow_name, check_name, run_id, event_seq, position);
CREATE INDEX quality_results_by_scope
  ON ${s}.quality_results (workflow_name, check_name, scope, run_id, event_seq, position) WHERE scope IS NOT NULL;
`,
};
