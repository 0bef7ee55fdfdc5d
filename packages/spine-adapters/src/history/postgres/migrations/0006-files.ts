import type { PostgresMigration } from "./migration.ts";

// Lines count within a file, and a source may read several: which one the rows of a chunk are of, and which one a refused row was in.
export const files: PostgresMigration = {
  id: "0006-files",
  minReader: "0001-initial",
  sql: (s) => `
ALTER TABLE ${s}.dataset_chunks ADD COLUMN file text;
ALTER TABLE ${s}.rejects ADD COLUMN file text;
`,
};
