import type { PostgresMigration } from "./migration.ts";

// Schedules, and a row for each of their times: that it can be there once only is what keeps a tick from being run twice. What
// is due is found by its time; ticks whose run may not be over, and those that wait for one, stand in an index of their own.
export const schedules: PostgresMigration = {
  id: "0010-schedules",
  minReader: "0001-initial",
  sql: (s) => `
CREATE TABLE ${s}.schedules (
  name text COLLATE "C" NOT NULL PRIMARY KEY,
  version bigint NOT NULL DEFAULT 1,
  workflow text COLLATE "C" NOT NULL,
  calendar text COLLATE "C",
  settings json NOT NULL,
  declared json,
  declared_by text COLLATE "C",
  undeclared_at timestamptz(3),
  paused_at timestamptz(3),
  anchor timestamptz(3) NOT NULL,
  settled_to timestamptz(3) NOT NULL,
  next_tick timestamptz(3),
  next_at timestamptz(3),
  late_at timestamptz(3),
  left_unknown boolean NOT NULL,
  queued integer NOT NULL,
  created_at timestamptz(3) NOT NULL,
  updated_at timestamptz(3) NOT NULL
);
CREATE INDEX schedules_next ON ${s}.schedules (next_at) WHERE next_at IS NOT NULL;

CREATE TABLE ${s}.schedule_ticks (
  schedule text COLLATE "C" NOT NULL,
  scheduled_at timestamptz(3) NOT NULL,
  status text COLLATE "C" NOT NULL,
  reason text COLLATE "C",
  detail text,
  run_id uuid,
  since timestamptz(3),
  is_open boolean NOT NULL,
  recorded_at timestamptz(3) NOT NULL,
  PRIMARY KEY (schedule, scheduled_at)
);
CREATE INDEX schedule_ticks_open ON ${s}.schedule_ticks (schedule, scheduled_at) WHERE is_open;
CREATE INDEX schedule_ticks_by_time ON ${s}.schedule_ticks (scheduled_at);
`,
};
