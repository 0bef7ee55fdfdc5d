import type { SqliteMigration } from "./migration.ts";

// Schedules, and a row for each of their times: that it can be there once only is what keeps a tick from being run twice. What
// is due is found by its time; ticks whose run may not be over, and those that wait for one, stand in an index of their own.
export const schedules: SqliteMigration = {
  id: "0010-schedules",
  minReader: "0001-initial",
  sql: (t) => `
CREATE TABLE ${t.schedules} (
  name TEXT NOT NULL PRIMARY KEY,
  version INTEGER NOT NULL DEFAULT 1,
  workflow TEXT NOT NULL,
  calendar TEXT,
  settings TEXT NOT NULL,
  declared TEXT,
  declared_by TEXT,
  undeclared_at TEXT,
  paused_at TEXT,
  anchor TEXT NOT NULL,
  settled_to TEXT NOT NULL,
  next_tick TEXT,
  next_at TEXT,
  late_at TEXT,
  left_unknown INTEGER NOT NULL,
  queued INTEGER NOT NULL,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL
);
CREATE INDEX ${t.prefix}schedules_next ON ${t.schedules} (next_at) WHERE next_at IS NOT NULL;

CREATE TABLE ${t.schedule_ticks} (
  schedule TEXT NOT NULL,
  scheduled_at TEXT NOT NULL,
  status TEXT NOT NULL,
  reason TEXT,
  detail TEXT,
  run_id TEXT,
  since TEXT,
  is_open INTEGER NOT NULL,
  recorded_at TEXT NOT NULL,
  PRIMARY KEY (schedule, scheduled_at)
) WITHOUT ROWID;
CREATE INDEX ${t.prefix}schedule_ticks_open ON ${t.schedule_ticks} (schedule, scheduled_at) WHERE is_open = 1;
CREATE INDEX ${t.prefix}schedule_ticks_by_time ON ${t.schedule_ticks} (scheduled_at);
`,
};
