import type { SqliteMigration } from "./migration.ts";

// Lines count within a file, and a source may read several: which one the rows of a chunk are of, and which one a refused row was in.
export const files: SqliteMigration = {
  id: "0006-files",
  minReader: "0001-initial",
  sql: (t) => `
ALTER TABLE ${t.dataset_chunks} ADD COLUMN file TEXT;
ALTER TABLE ${t.rejects} ADD COLUMN file TEXT;
`,
};
