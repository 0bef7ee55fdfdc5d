import type { PostgresMigration } from "./migration.ts";

// What is known of partitions and where rows came from. The newest run of a partition is one entry of an index, which only runs with
// a partition are in; a dataset has the source that it was read from, or the dataset that it was made of, from its first write on.
export const partitions: PostgresMigration = {
  id: "0009-partitions",
  minReader: "0001-initial",
  sql: (s) => `
CREATE INDEX workflow_runs_newest ON ${s}.workflow_runs (partition_key, workflow_name, list_id)
  WHERE partition_key IS NOT NULL;

ALTER TABLE ${s}.datasets ADD COLUMN source_name text COLLATE "C";
ALTER TABLE ${s}.datasets ADD COLUMN locator text COLLATE "C";
ALTER TABLE ${s}.datasets ADD COLUMN made_of uuid;
CREATE INDEX datasets_by_source ON ${s}.datasets (source_name, locator) WHERE source_name IS NOT NULL;
CREATE INDEX datasets_by_locator ON ${s}.datasets (locator) WHERE locator IS NOT NULL;
CREATE INDEX datasets_made_of ON ${s}.datasets (made_of) WHERE made_of IS NOT NULL;
CREATE INDEX dataset_chunks_by_file ON ${s}.dataset_chunks (file, dataset_id) WHERE file IS NOT NULL;
CREATE INDEX loads_by_dataset ON ${s}.loads (dataset_id);
CREATE INDEX loads_by_partition ON ${s}.loads (table_name, partition_key, load_id);

CREATE TABLE ${s}.work_manifest (
  domain text COLLATE "C" NOT NULL,
  partition_key text COLLATE "C" NOT NULL,
  stage text COLLATE "C" NOT NULL,
  stage_rank integer NOT NULL,
  partition json NOT NULL,
  rows bigint,
  run_id text COLLATE "C",
  metrics json NOT NULL,
  advanced_at timestamptz(3) NOT NULL,
  PRIMARY KEY (domain, partition_key, stage)
);
`,
};
