import type { PostgresMigration } from "./migration.ts";

// How far attempts under way have come: of each step of a run the newest, changed once a second, so that a page has room for the
// next version of a row beside the one before. What an attempt that has ended leaves here is not shown.
export const progress: PostgresMigration = {
  id: "0005-progress",
  minReader: "0001-initial",
  sql: (s) => `
CREATE TABLE ${s}.step_progress (
  run_id uuid NOT NULL,
  attempt integer NOT NULL,
  rows_in bigint,
  rows_out bigint,
  rows_rejected bigint,
  done double precision,
  total double precision,
  said_at timestamptz(3) NOT NULL,
  step_name text COLLATE "C" NOT NULL,
  unit text COLLATE "C",
  message text,
  PRIMARY KEY (run_id, step_name)
) WITH (fillfactor = 50);
`,
};
