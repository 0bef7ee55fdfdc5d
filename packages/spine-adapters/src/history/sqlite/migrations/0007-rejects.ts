import type { SqliteMigration } from "./migration.ts";

// What became of a refused row: the run that drives it again, or who put it aside and why.
export const rejects: SqliteMigration = {
  id: "0007-rejects",
  minReader: "0001-initial",
  sql: (t) => `
ALTER TABLE ${t.rejects} ADD COLUMN taken_by TEXT;
ALTER TABLE ${t.rejects} ADD COLUMN discard_reason TEXT;
ALTER TABLE ${t.rejects} ADD COLUMN discarded_by TEXT;
ALTER TABLE ${t.rejects} ADD COLUMN discarded_at TEXT;
CREATE INDEX ${t.prefix}rejects_by_run ON ${t.rejects} (taken_by) WHERE taken_by IS NOT NULL;
`,
};
