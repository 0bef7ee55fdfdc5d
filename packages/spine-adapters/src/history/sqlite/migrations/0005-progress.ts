import type { SqliteMigration } from "./migration.ts";

// How far attempts under way have come: of each step of a run the newest. What an attempt that has ended leaves here is not shown.
export const progress: SqliteMigration = {
  id: "0005-progress",
  minReader: "0001-initial",
  sql: (t) => `
CREATE TABLE ${t.step_progress} (
  run_id TEXT NOT NULL,
  step_name TEXT NOT NULL,
  attempt INTEGER NOT NULL,
  rows_in INTEGER,
  rows_out INTEGER,
  rows_rejected INTEGER,
  done REAL,
  total REAL,
  unit TEXT,
  message TEXT,
  said_at TEXT NOT NULL,
  PRIMARY KEY (run_id, step_name)
) WITHOUT ROWID;
`,
};
