import type { PostgresMigration } from "./migration.ts";

// What became of a refused row: the run that drives it again, or who put it aside and why.
export const rejects: PostgresMigration = {
  id: "0007-rejects",
  minReader: "0001-initial",
  sql: (s) => `
ALTER TABLE ${s}.rejects ADD COLUMN taken_by uuid;
ALTER TABLE ${s}.rejects ADD COLUMN discard_reason text;
ALTER TABLE ${s}.rejects ADD COLUMN discarded_by text;
ALTER TABLE ${s}.rejects ADD COLUMN discarded_at text;
CREATE INDEX rejects_by_run ON ${s}.rejects (taken_by) WHERE taken_by IS NOT NULL;
`,
};
