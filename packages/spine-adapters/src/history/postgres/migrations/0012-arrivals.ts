import type { PostgresMigration } from "./migration.ts";

// The transaction that made a run, which nothing changes: in the order of these, below the oldest that is under way, no run comes in
// behind one that was there. Runs that were there before have none. The default fills it in, also for processes that do not know it.
export const arrivals: PostgresMigration = {
  id: "0012-arrivals",
  minReader: "0001-initial",
  sql: (s) => `
ALTER TABLE ${s}.workflow_runs ADD COLUMN created_xid xid8;
ALTER TABLE ${s}.workflow_runs ALTER COLUMN created_xid SET DEFAULT pg_current_xact_id();
CREATE INDEX workflow_runs_by_arrival ON ${s}.workflow_runs (created_xid);
`,
};
