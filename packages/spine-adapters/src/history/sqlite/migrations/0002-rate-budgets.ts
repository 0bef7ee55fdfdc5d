import type { SqliteMigration } from "./migration.ts";

export const rateBudgets: SqliteMigration = {
  id: "0002-rate-budgets",
  minReader: "0001-initial",
  sql: (t) => `
CREATE TABLE ${t.rate_budgets} (
  name TEXT NOT NULL PRIMARY KEY,
  paid_until_ms REAL NOT NULL,
  wait_ms REAL NOT NULL
) WITHOUT ROWID;
`,
};
