import type { PostgresMigration } from "./migration.ts";

// What becomes of alerts: groups with all that is known of them, the outbox, silences, and since when something is expected. An alert is
// taken in by the groups once; those that are not yet are found by an index of their own. What was raised before there was anybody to
// tell is not told now. An alert that was raised by hand is of no run.
export const notifications: PostgresMigration = {
  id: "0011-notifications",
  minReader: "0001-initial",
  sql: (s) => `
ALTER TABLE ${s}.alerts ALTER COLUMN run_id DROP NOT NULL;
ALTER TABLE ${s}.alerts ALTER COLUMN workflow_name DROP NOT NULL;
ALTER TABLE ${s}.alerts ADD COLUMN taken_at timestamptz(3);
UPDATE ${s}.alerts SET taken_at = raised_at;
CREATE INDEX alerts_raised ON ${s}.alerts (alert_id) WHERE taken_at IS NULL;

CREATE TABLE ${s}.alert_groups (
  group_id text COLLATE "C" NOT NULL PRIMARY KEY,
  state text NOT NULL,
  next_at timestamptz(3)
);

CREATE TABLE ${s}.alert_deliveries (
  delivery_id uuid NOT NULL PRIMARY KEY,
  notification_key text COLLATE "C" NOT NULL,
  group_id text COLLATE "C" NOT NULL,
  channel text COLLATE "C" NOT NULL,
  reason text COLLATE "C" NOT NULL,
  status text COLLATE "C" NOT NULL,
  attempts integer NOT NULL,
  lease text COLLATE "C",
  next_at timestamptz(3),
  notification text NOT NULL,
  error text,
  created_at timestamptz(3) NOT NULL,
  ended_at timestamptz(3),
  UNIQUE (notification_key, channel)
);
CREATE INDEX alert_deliveries_due ON ${s}.alert_deliveries (channel, next_at) WHERE status = 'PENDING';
CREATE INDEX alert_deliveries_in_line ON ${s}.alert_deliveries (channel, group_id, delivery_id) WHERE status = 'PENDING';
CREATE INDEX alert_deliveries_by_status ON ${s}.alert_deliveries (status, delivery_id);

CREATE TABLE ${s}.alert_silences (
  silence_id uuid NOT NULL PRIMARY KEY,
  match text NOT NULL,
  starts_at timestamptz(3) NOT NULL,
  ends_at timestamptz(3) NOT NULL,
  silenced_by text NOT NULL,
  why text NOT NULL
);

CREATE TABLE ${s}.alert_watches (
  name text COLLATE "C" NOT NULL PRIMARY KEY,
  since timestamptz(3) NOT NULL
);
`,
};
