import type { SqliteMigration } from "./migration.ts";

// Times are ISO texts in UTC with milliseconds: they sort by time, and people can read the file. Run ids are
// UUIDv7, so their order is the order of creation. Rows that are small go WITHOUT ROWID (one tree instead of two);
// those with larger payloads keep their rowid, because SQLite stores long rows badly in an index. An attempt has a row
// once it has ended; before that the run's row names it (open_steps).
//
// Lists read runs by a value, then a status, then from the newest: so are the indexes. A run has several tags, which no
// index can hold: triggers keep theirs, so that whatever changes a run changes it in the same commit, and a run
// without tags costs nothing.
//
// The end of a run that a step of another one waits for is a message to that one: a trigger as well, in whatever way it ended.
//
// What waits stands in lines, one for each queue, workflow and rank (run-rank.ts), in the order of its times: claims
// go from line to line and take from each its first. The indexes of queues have no entry for a run that starts at once
// without one.
export const initial: SqliteMigration = {
  id: "0001-initial",
  minReader: "0001-initial",
  sql: (t) => `
CREATE TABLE ${t.workflow_runs} (
  run_id TEXT NOT NULL PRIMARY KEY,
  workflow_name TEXT NOT NULL,
  domain TEXT,
  partition_key TEXT,
  partition TEXT,
  tags TEXT,
  run_key TEXT,
  run_scope TEXT NOT NULL DEFAULT '',
  status TEXT NOT NULL,
  version INTEGER NOT NULL,
  token INTEGER NOT NULL,
  worker TEXT,
  fingerprint TEXT NOT NULL,
  params TEXT NOT NULL,
  params_hash TEXT NOT NULL,
  outputs TEXT,
  error TEXT,
  metrics TEXT NOT NULL DEFAULT '{}',
  triggered_by TEXT NOT NULL,
  parent_run_id TEXT,
  parent_step TEXT,
  rerun_of TEXT,
  deadline_at TEXT,
  debounce_key TEXT,
  inbox INTEGER NOT NULL DEFAULT 0,
  ends_as TEXT,
  crashes INTEGER NOT NULL DEFAULT 0,
  attempts INTEGER NOT NULL DEFAULT 0,
  open_steps TEXT,
  created_at TEXT NOT NULL,
  started_at TEXT,
  started_by TEXT,
  completed_at TEXT,
  available_at TEXT,
  queue TEXT NOT NULL DEFAULT '',
  rank INTEGER NOT NULL DEFAULT 0,
  concurrency_key TEXT
);
CREATE UNIQUE INDEX ${t.prefix}workflow_runs_by_key
  ON ${t.workflow_runs} (workflow_name, run_scope, run_key) WHERE run_key IS NOT NULL;
CREATE INDEX ${t.prefix}workflow_runs_by_status ON ${t.workflow_runs} (status, run_id);
CREATE INDEX ${t.prefix}workflow_runs_by_workflow ON ${t.workflow_runs} (workflow_name, status, run_id);
CREATE INDEX ${t.prefix}workflow_runs_by_domain
  ON ${t.workflow_runs} (domain, status, run_id) WHERE domain IS NOT NULL;
CREATE INDEX ${t.prefix}workflow_runs_by_partition
  ON ${t.workflow_runs} (partition_key, status, run_id) WHERE partition_key IS NOT NULL;
CREATE INDEX ${t.prefix}workflow_runs_by_parent
  ON ${t.workflow_runs} (parent_run_id, status, run_id) WHERE parent_run_id IS NOT NULL;
CREATE UNIQUE INDEX ${t.prefix}workflow_runs_debounced
  ON ${t.workflow_runs} (workflow_name, run_scope, debounce_key) WHERE debounce_key IS NOT NULL AND status = 'PENDING';
CREATE INDEX ${t.prefix}workflow_runs_due
  ON ${t.workflow_runs} (queue, workflow_name, rank, available_at, run_id) WHERE available_at IS NOT NULL;
CREATE INDEX ${t.prefix}workflow_runs_due_by_key
  ON ${t.workflow_runs} (queue, concurrency_key, workflow_name, rank, available_at, run_id)
  WHERE available_at IS NOT NULL AND concurrency_key IS NOT NULL;
CREATE INDEX ${t.prefix}workflow_runs_at_work
  ON ${t.workflow_runs} (queue, concurrency_key, worker) WHERE status = 'RUNNING' AND queue <> '';

CREATE TABLE ${t.run_tags} (
  tag TEXT NOT NULL,
  status TEXT NOT NULL,
  run_id TEXT NOT NULL,
  PRIMARY KEY (tag, status, run_id)
) WITHOUT ROWID;
CREATE TRIGGER ${t.prefix}run_tags_added AFTER INSERT ON ${t.workflow_runs} WHEN NEW.tags IS NOT NULL BEGIN
  INSERT INTO ${t.run_tags} SELECT value, NEW.status, NEW.run_id FROM json_each(NEW.tags);
END;
CREATE TRIGGER ${t.prefix}run_tags_moved AFTER UPDATE OF status ON ${t.workflow_runs}
WHEN NEW.tags IS NOT NULL AND NEW.status <> OLD.status BEGIN
  UPDATE ${t.run_tags} SET status = NEW.status
  WHERE tag IN (SELECT value FROM json_each(NEW.tags)) AND status = OLD.status AND run_id = NEW.run_id;
END;
CREATE TRIGGER ${t.prefix}run_tags_removed AFTER DELETE ON ${t.workflow_runs} WHEN OLD.tags IS NOT NULL BEGIN
  DELETE FROM ${t.run_tags}
  WHERE tag IN (SELECT value FROM json_each(OLD.tags)) AND status = OLD.status AND run_id = OLD.run_id;
END;
CREATE TRIGGER ${t.prefix}run_ended AFTER UPDATE OF status ON ${t.workflow_runs}
WHEN NEW.parent_step IS NOT NULL AND NEW.status <> OLD.status AND NEW.status IN ('COMPLETED', 'FAILED', 'CANCELLED') BEGIN
  UPDATE ${t.workflow_runs} SET inbox = inbox + 1,
    available_at = iif(status = 'WAITING', min(coalesce(available_at, NEW.completed_at), NEW.completed_at), available_at)
  WHERE run_id = NEW.parent_run_id;
END;

CREATE TABLE ${t.workflow_step_runs} (
  run_id TEXT NOT NULL,
  seq INTEGER NOT NULL,
  step_name TEXT NOT NULL,
  step_type TEXT NOT NULL,
  attempt INTEGER NOT NULL,
  status TEXT NOT NULL,
  output TEXT,
  error TEXT,
  rows_in INTEGER,
  rows_out INTEGER,
  rows_rejected INTEGER,
  metrics TEXT,
  begun_event INTEGER NOT NULL,
  ended_event INTEGER NOT NULL,
  started_at TEXT NOT NULL,
  completed_at TEXT NOT NULL,
  retry_at TEXT,
  PRIMARY KEY (run_id, seq)
) WITHOUT ROWID;

CREATE TABLE ${t.step_checkpoints} (
  run_id TEXT NOT NULL,
  step_name TEXT NOT NULL,
  checkpoint_key TEXT NOT NULL,
  value TEXT NOT NULL,
  recorded_at TEXT NOT NULL,
  PRIMARY KEY (run_id, step_name, checkpoint_key)
) WITHOUT ROWID;

CREATE TABLE ${t.run_events} (
  run_id TEXT NOT NULL,
  seq INTEGER NOT NULL,
  type TEXT NOT NULL,
  at TEXT NOT NULL,
  data TEXT NOT NULL,
  PRIMARY KEY (run_id, seq)
) WITHOUT ROWID;

CREATE TABLE ${t.signals} (
  run_id TEXT NOT NULL,
  seq INTEGER NOT NULL,
  signal_id TEXT NOT NULL,
  name TEXT NOT NULL,
  payload TEXT NOT NULL,
  sent_at TEXT NOT NULL,
  taken INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (run_id, seq)
) WITHOUT ROWID;
CREATE UNIQUE INDEX ${t.prefix}signals_by_id ON ${t.signals} (run_id, signal_id);

CREATE TABLE ${t.workers} (
  worker_id TEXT NOT NULL PRIMARY KEY,
  state TEXT NOT NULL,
  started_at TEXT NOT NULL,
  gone_at TEXT
) WITHOUT ROWID;

CREATE TABLE ${t.queues} (
  name TEXT NOT NULL PRIMARY KEY,
  paused INTEGER NOT NULL DEFAULT 0,
  concurrency INTEGER,
  worker_concurrency INTEGER,
  key_concurrency INTEGER,
  rate_runs INTEGER,
  rate_period_ms INTEGER,
  updated_at TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE ${t.queue_starts} (
  queue TEXT NOT NULL,
  at TEXT NOT NULL,
  runs INTEGER NOT NULL,
  PRIMARY KEY (queue, at)
) WITHOUT ROWID;

CREATE TABLE ${t.datasets} (
  dataset_id TEXT NOT NULL PRIMARY KEY,
  run_id TEXT NOT NULL,
  step_name TEXT NOT NULL,
  token INTEGER NOT NULL,
  chunks INTEGER NOT NULL,
  rows INTEGER NOT NULL,
  rejected INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  cursor TEXT,
  hash TEXT,
  created_at TEXT NOT NULL,
  sealed_at TEXT,
  UNIQUE (run_id, step_name)
) WITHOUT ROWID;

CREATE TABLE ${t.dataset_chunks} (
  dataset_id TEXT NOT NULL,
  chunk INTEGER NOT NULL,
  rows INTEGER NOT NULL,
  hash TEXT NOT NULL,
  lines TEXT,
  data BLOB NOT NULL,
  PRIMARY KEY (dataset_id, chunk)
);

CREATE TABLE ${t.rejects} (
  dataset_id TEXT NOT NULL,
  position INTEGER NOT NULL,
  code TEXT NOT NULL,
  message TEXT NOT NULL,
  line INTEGER,
  raw TEXT NOT NULL,
  PRIMARY KEY (dataset_id, position)
) WITHOUT ROWID;

CREATE TABLE ${t.loads} (
  load_id TEXT NOT NULL PRIMARY KEY,
  run_id TEXT NOT NULL,
  step_name TEXT NOT NULL,
  table_name TEXT NOT NULL,
  partition_key TEXT,
  partition TEXT,
  disposition TEXT NOT NULL,
  dataset_id TEXT NOT NULL,
  hash TEXT NOT NULL,
  inserted INTEGER NOT NULL,
  superseded INTEGER NOT NULL,
  loaded_at TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX ${t.prefix}loads_by_run ON ${t.loads} (run_id);

CREATE TABLE ${t.partitions} (
  table_name TEXT NOT NULL,
  partition_key TEXT NOT NULL,
  partition TEXT NOT NULL,
  run_id TEXT NOT NULL,
  load_id TEXT NOT NULL,
  hash TEXT NOT NULL,
  rows INTEGER NOT NULL,
  loaded_at TEXT NOT NULL,
  PRIMARY KEY (table_name, partition_key)
) WITHOUT ROWID;

CREATE TABLE ${t.quality_results} (
  run_id TEXT NOT NULL,
  event_seq INTEGER NOT NULL,
  position INTEGER NOT NULL,
  step_name TEXT NOT NULL,
  check_name TEXT NOT NULL,
  category TEXT NOT NULL,
  status TEXT NOT NULL,
  blocking INTEGER NOT NULL,
  message TEXT NOT NULL,
  actual TEXT,
  expected TEXT,
  rows_tested INTEGER NOT NULL,
  rows_failed INTEGER NOT NULL,
  samples TEXT NOT NULL,
  recorded_at TEXT NOT NULL,
  PRIMARY KEY (run_id, event_seq, position)
) WITHOUT ROWID;

CREATE TABLE ${t.run_logs} (
  run_id TEXT NOT NULL,
  seq INTEGER NOT NULL,
  step_name TEXT NOT NULL,
  attempt INTEGER NOT NULL,
  level TEXT NOT NULL,
  message TEXT NOT NULL,
  fields TEXT,
  logged_at TEXT NOT NULL,
  PRIMARY KEY (run_id, seq)
) WITHOUT ROWID;
`,
};
