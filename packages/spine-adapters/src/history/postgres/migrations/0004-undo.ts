import type { PostgresMigration } from "./migration.ts";

// What a control has to know of a run to decide whether it is undone first; how many attempts it has from the run that it
// repeats; and how long its deadline is, once a retry has moved that. Of runs that are there already nobody knows whether
// their workflow has an undo: those that can still be cancelled or retried are taken for such, and found to have none when
// they are claimed.
export const undo: PostgresMigration = {
  id: "0004-undo",
  minReader: "0001-initial",
  sql: (s) => `
ALTER TABLE ${s}.workflow_runs
  ADD COLUMN has_undo boolean NOT NULL DEFAULT false,
  ADD COLUMN inherited integer NOT NULL DEFAULT 0,
  ADD COLUMN deadline_ms bigint;
UPDATE ${s}.workflow_runs SET has_undo = true WHERE status <> 'COMPLETED';
`,
};
