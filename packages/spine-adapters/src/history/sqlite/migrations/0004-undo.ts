import type { SqliteMigration } from "./migration.ts";

// What a control has to know of a run to decide whether it is undone first; how many attempts it has from the run that it
// repeats; and how long its deadline is, once a retry has moved that. Of runs that are there already nobody knows whether
// their workflow has an undo: those that can still be cancelled or retried are taken for such, and found to have none when
// they are claimed.
export const undo: SqliteMigration = {
  id: "0004-undo",
  minReader: "0001-initial",
  sql: (t) => `
ALTER TABLE ${t.workflow_runs} ADD COLUMN has_undo INTEGER NOT NULL DEFAULT 0;
ALTER TABLE ${t.workflow_runs} ADD COLUMN inherited INTEGER NOT NULL DEFAULT 0;
ALTER TABLE ${t.workflow_runs} ADD COLUMN deadline_ms INTEGER;
UPDATE ${t.workflow_runs} SET has_undo = 1 WHERE status <> 'COMPLETED';
`,
};
