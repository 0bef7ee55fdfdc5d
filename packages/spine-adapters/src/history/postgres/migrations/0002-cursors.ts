import type { PostgresMigration } from "./migration.ts";

// A cursor is how far the fetches of a step have come. It moves with the commit that completes a run, and only forwards:
// positions compare as texts. `columns` are the columns of rows with the types seen in each, as JSON text.
export const cursors: PostgresMigration = {
  id: "0002-cursors",
  minReader: "0001-initial",
  sql: (s) => `
CREATE TABLE ${s}.cursors (
  workflow_name text COLLATE "C" NOT NULL,
  step_name text COLLATE "C" NOT NULL,
  scope text COLLATE "C" NOT NULL,
  kind text COLLATE "C" NOT NULL,
  position text COLLATE "C",
  value json,
  resets integer NOT NULL,
  run_id uuid,
  updated_at timestamptz(3) NOT NULL,
  PRIMARY KEY (workflow_name, step_name, scope, kind)
);
ALTER TABLE ${s}.dataset_chunks ADD COLUMN columns text COLLATE "C";
ALTER TABLE ${s}.datasets ADD COLUMN columns text COLLATE "C";
`,
};
