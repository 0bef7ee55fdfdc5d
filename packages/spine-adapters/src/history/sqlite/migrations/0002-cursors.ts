import type { SqliteMigration } from "./migration.ts";

// A cursor is how far the fetches of a step have come. It moves with the commit that completes a run, and only forwards:
// positions compare as texts. `columns` are the columns of rows with the types seen in each, as JSON text.
export const cursors: SqliteMigration = {
  id: "0002-cursors",
  minReader: "0001-initial",
  sql: (t) => `
CREATE TABLE ${t.cursors} (
  workflow_name TEXT NOT NULL,
  step_name TEXT NOT NULL,
  scope TEXT NOT NULL,
  kind TEXT NOT NULL,
  position TEXT,
  value TEXT,
  resets INTEGER NOT NULL,
  run_id TEXT,
  updated_at TEXT NOT NULL,
  PRIMARY KEY (workflow_name, step_name, scope, kind)
);
ALTER TABLE ${t.dataset_chunks} ADD COLUMN columns TEXT;
ALTER TABLE ${t.datasets} ADD COLUMN columns TEXT;
`,
};
