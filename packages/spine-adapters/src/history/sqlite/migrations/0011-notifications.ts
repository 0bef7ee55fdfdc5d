import type { SqliteMigration } from "./migration.ts";

// What becomes of alerts: groups with all that is known of them, the outbox, silences, and since when something is expected. An alert is
// taken in by the groups once; those that are not yet are found by an index of their own. What was raised before there was anybody to
// tell is not told now. An alert that was raised by hand is of no run; a column that may be empty now means a new table.
export const notifications: SqliteMigration = {
  id: "0011-notifications",
  minReader: "0001-initial",
  sql: (t) => `
CREATE TABLE ${t.prefix}alerts_0011 (
  alert_id TEXT NOT NULL PRIMARY KEY,
  severity TEXT NOT NULL,
  title TEXT NOT NULL,
  message TEXT NOT NULL,
  source TEXT NOT NULL,
  workflow_name TEXT,
  run_id TEXT,
  step_name TEXT,
  domain TEXT,
  partition TEXT,
  labels TEXT NOT NULL,
  fingerprint TEXT NOT NULL,
  details TEXT NOT NULL,
  raised_at TEXT NOT NULL,
  taken_at TEXT
) WITHOUT ROWID;
INSERT INTO ${t.prefix}alerts_0011 SELECT alert_id, severity, title, message, source, workflow_name, run_id, step_name, domain, partition,
  labels, fingerprint, details, raised_at, raised_at FROM ${t.alerts};
DROP TABLE ${t.alerts};
ALTER TABLE ${t.prefix}alerts_0011 RENAME TO ${t.alerts};
CREATE INDEX ${t.prefix}alerts_by_run ON ${t.alerts} (run_id, alert_id);
CREATE INDEX ${t.prefix}alerts_by_workflow ON ${t.alerts} (workflow_name, alert_id);
CREATE INDEX ${t.prefix}alerts_by_severity ON ${t.alerts} (severity, alert_id);
CREATE INDEX ${t.prefix}alerts_raised ON ${t.alerts} (alert_id) WHERE taken_at IS NULL;

CREATE TABLE ${t.alert_groups} (
  group_id TEXT NOT NULL PRIMARY KEY,
  state TEXT NOT NULL,
  next_at TEXT
) WITHOUT ROWID;

CREATE TABLE ${t.alert_deliveries} (
  delivery_id TEXT NOT NULL PRIMARY KEY,
  notification_key TEXT NOT NULL,
  group_id TEXT NOT NULL,
  channel TEXT NOT NULL,
  reason TEXT NOT NULL,
  status TEXT NOT NULL,
  attempts INTEGER NOT NULL,
  lease TEXT,
  next_at TEXT,
  notification TEXT NOT NULL,
  error TEXT,
  created_at TEXT NOT NULL,
  ended_at TEXT,
  UNIQUE (notification_key, channel)
) WITHOUT ROWID;
CREATE INDEX ${t.prefix}alert_deliveries_due ON ${t.alert_deliveries} (channel, next_at) WHERE status = 'PENDING';
CREATE INDEX ${t.prefix}alert_deliveries_in_line
  ON ${t.alert_deliveries} (channel, group_id, delivery_id) WHERE status = 'PENDING';
CREATE INDEX ${t.prefix}alert_deliveries_by_status ON ${t.alert_deliveries} (status, delivery_id);

CREATE TABLE ${t.alert_silences} (
  silence_id TEXT NOT NULL PRIMARY KEY,
  match TEXT NOT NULL,
  starts_at TEXT NOT NULL,
  ends_at TEXT NOT NULL,
  silenced_by TEXT NOT NULL,
  why TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE ${t.alert_watches} (
  name TEXT NOT NULL PRIMARY KEY,
  since TEXT NOT NULL
) WITHOUT ROWID;
`,
};
