import type { SqliteMigration } from "./migration.ts";

// What is known of partitions and where rows came from. The newest run of a partition is one entry of an index, which only runs with
// a partition are in; a dataset has the source that it was read from, or the dataset that it was made of, from its first write on.
export const partitions: SqliteMigration = {
  id: "0009-partitions",
  minReader: "0001-initial",
  sql: (t) => `
CREATE INDEX ${t.prefix}workflow_runs_newest ON ${t.workflow_runs} (partition_key, workflow_name, run_id)
  WHERE partition_key IS NOT NULL;

ALTER TABLE ${t.datasets} ADD COLUMN source_name TEXT;
ALTER TABLE ${t.datasets} ADD COLUMN locator TEXT;
ALTER TABLE ${t.datasets} ADD COLUMN made_of TEXT;
CREATE INDEX ${t.prefix}datasets_by_source ON ${t.datasets} (source_name, locator) WHERE source_name IS NOT NULL;
CREATE INDEX ${t.prefix}datasets_by_locator ON ${t.datasets} (locator) WHERE locator IS NOT NULL;
CREATE INDEX ${t.prefix}datasets_made_of ON ${t.datasets} (made_of) WHERE made_of IS NOT NULL;
CREATE INDEX ${t.prefix}dataset_chunks_by_file ON ${t.dataset_chunks} (file, dataset_id) WHERE file IS NOT NULL;
CREATE INDEX ${t.prefix}loads_by_dataset ON ${t.loads} (dataset_id);
CREATE INDEX ${t.prefix}loads_by_partition ON ${t.loads} (table_name, partition_key, load_id);

CREATE TABLE ${t.work_manifest} (
  domain TEXT NOT NULL,
  partition_key TEXT NOT NULL,
  stage TEXT NOT NULL,
  stage_rank INTEGER NOT NULL,
  partition TEXT NOT NULL,
  rows INTEGER,
  run_id TEXT,
  metrics TEXT NOT NULL,
  advanced_at TEXT NOT NULL,
  PRIMARY KEY (domain, partition_key, stage)
) WITHOUT ROWID;
`,
};
