import type { PostgresMigration } from "./migration.ts";

export const rateBudgets: PostgresMigration = {
  id: "0002-rate-budgets",
  minReader: "0001-initial",
  sql: (s) => `
CREATE TABLE ${s}.rate_budgets (
  name text COLLATE "C" NOT NULL PRIMARY KEY,
  paid_until_ms double precision NOT NULL,
  wait_ms double precision NOT NULL
);
COMMENT ON TABLE ${s}.rate_budgets IS 'Limits of other sides that all processes share: when (ms since 1970) all that was asked for is paid for, and how long the newest request had to wait';
`,
};
