import type { PostgresMigration } from "./migration.ts";

// Run ids are UUIDv7, so their order is the order of creation. Names and keys compare by code points (COLLATE "C"):
// cheaper, and the same order as on every other database. What a run changes with each step is in no index,
// and its pages keep room, so that such an update stays on its page and touches no index (HOT).
//
// Lists read runs by a value, then a status, then from the newest: so are the indexes. (`list_id` is the
// id again: the planner must not read the primary key instead. An expression would do, and cost a third of each write.) A run has several tags, which no
// such index can hold: triggers keep theirs, so that whatever changes a run changes it in the same commit, and a run
// without tags costs nothing.
//
// What waits stands in lines, one for each queue, workflow and rank (run-rank.ts), in the order of its times: claims
// go from line to line and take from each its first. The indexes of queues have no entry for a run that starts at once
// without one.
export const initial: PostgresMigration = {
  id: "0001-initial",
  minReader: "0001-initial",
  sql: (s) => `
CREATE TABLE ${s}.workflow_runs (
  run_id uuid NOT NULL PRIMARY KEY,
  list_id uuid NOT NULL,
  version bigint NOT NULL,
  token bigint NOT NULL,
  write_seq bigint NOT NULL DEFAULT 0,
  attempts integer NOT NULL DEFAULT 0,
  open_version bigint NOT NULL DEFAULT 0,
  crashes integer NOT NULL DEFAULT 0,
  inbox integer NOT NULL DEFAULT 0,
  rank smallint NOT NULL DEFAULT 0,
  created_at timestamptz(3) NOT NULL,
  started_at timestamptz(3),
  completed_at timestamptz(3),
  available_at timestamptz(3),
  open_since timestamptz(3),
  deadline_at timestamptz(3),
  status text COLLATE "C" NOT NULL,
  workflow_name text COLLATE "C" NOT NULL,
  worker text COLLATE "C",
  started_by text COLLATE "C",
  domain text COLLATE "C",
  partition_key text COLLATE "C",
  run_key text COLLATE "C",
  run_scope text COLLATE "C" NOT NULL DEFAULT '',
  fingerprint text COLLATE "C" NOT NULL,
  params_hash text COLLATE "C" NOT NULL,
  triggered_by text COLLATE "C" NOT NULL,
  parent_run_id text COLLATE "C",
  parent_step text COLLATE "C",
  rerun_of text COLLATE "C",
  debounce_key text COLLATE "C",
  ends_as text COLLATE "C",
  queue text COLLATE "C" NOT NULL DEFAULT '',
  concurrency_key text COLLATE "C",
  partition json,
  open_steps json,
  tags json,
  params json NOT NULL,
  outputs json,
  error json,
  metrics jsonb
) WITH (fillfactor = 50);
CREATE UNIQUE INDEX workflow_runs_by_key ON ${s}.workflow_runs (workflow_name, run_scope, run_key) WHERE run_key IS NOT NULL;
CREATE INDEX workflow_runs_by_status ON ${s}.workflow_runs (status, run_id);
CREATE INDEX workflow_runs_by_workflow ON ${s}.workflow_runs (workflow_name, status, list_id);
CREATE INDEX workflow_runs_by_domain ON ${s}.workflow_runs (domain, status, list_id) WHERE domain IS NOT NULL;
CREATE INDEX workflow_runs_by_partition ON ${s}.workflow_runs (partition_key, status, list_id)
  WHERE partition_key IS NOT NULL;
CREATE INDEX workflow_runs_by_parent ON ${s}.workflow_runs (parent_run_id, status, list_id)
  WHERE parent_run_id IS NOT NULL;
CREATE UNIQUE INDEX workflow_runs_debounced ON ${s}.workflow_runs (workflow_name, run_scope, debounce_key)
  WHERE debounce_key IS NOT NULL AND status = 'PENDING';
CREATE INDEX workflow_runs_due ON ${s}.workflow_runs (queue, workflow_name, rank, available_at, run_id)
  WHERE available_at IS NOT NULL;
CREATE INDEX workflow_runs_due_by_key ON ${s}.workflow_runs
  (queue, concurrency_key, workflow_name, rank, available_at, run_id)
  WHERE available_at IS NOT NULL AND concurrency_key IS NOT NULL;
CREATE INDEX workflow_runs_at_work ON ${s}.workflow_runs (queue, concurrency_key, worker)
  WHERE status = 'RUNNING' AND queue <> '';

CREATE TABLE ${s}.run_tags (
  tag text COLLATE "C" NOT NULL,
  status text COLLATE "C" NOT NULL,
  run_id uuid NOT NULL,
  PRIMARY KEY (tag, status, run_id)
);
CREATE FUNCTION ${s}.keep_run_tags() RETURNS trigger LANGUAGE plpgsql AS $body$
  BEGIN
    IF TG_OP = 'INSERT' THEN
      INSERT INTO ${s}.run_tags SELECT value, NEW.status, NEW.run_id FROM json_array_elements_text(NEW.tags);
    ELSIF TG_OP = 'UPDATE' THEN
      UPDATE ${s}.run_tags SET status = NEW.status
      WHERE tag IN (SELECT json_array_elements_text(NEW.tags)) AND status = OLD.status AND run_id = NEW.run_id;
    ELSE
      DELETE FROM ${s}.run_tags
      WHERE tag IN (SELECT json_array_elements_text(OLD.tags)) AND status = OLD.status AND run_id = OLD.run_id;
    END IF;
    RETURN NULL;
  END
$body$;
CREATE TRIGGER run_tags_added AFTER INSERT ON ${s}.workflow_runs
  FOR EACH ROW WHEN (NEW.tags IS NOT NULL) EXECUTE FUNCTION ${s}.keep_run_tags();
CREATE TRIGGER run_tags_moved AFTER UPDATE OF status ON ${s}.workflow_runs
  FOR EACH ROW WHEN (NEW.tags IS NOT NULL AND NEW.status <> OLD.status) EXECUTE FUNCTION ${s}.keep_run_tags();
CREATE TRIGGER run_tags_removed AFTER DELETE ON ${s}.workflow_runs
  FOR EACH ROW WHEN (OLD.tags IS NOT NULL) EXECUTE FUNCTION ${s}.keep_run_tags();

CREATE TABLE ${s}.workflow_step_runs (
  run_id uuid NOT NULL,
  seq integer NOT NULL,
  attempt integer NOT NULL,
  begun_event bigint NOT NULL,
  ended_event bigint NOT NULL,
  rows_in bigint,
  rows_out bigint,
  rows_rejected bigint,
  started_at timestamptz(3) NOT NULL,
  completed_at timestamptz(3) NOT NULL,
  retry_at timestamptz(3),
  step_name text COLLATE "C" NOT NULL,
  step_type text COLLATE "C" NOT NULL,
  status text COLLATE "C" NOT NULL,
  output json,
  error json,
  metrics json,
  PRIMARY KEY (run_id, seq)
);
COMMENT ON TABLE ${s}.workflow_step_runs IS
  'Attempts that have ended; those under way are in workflow_runs.open_steps';

CREATE TABLE ${s}.step_checkpoints (
  run_id uuid NOT NULL,
  step_name text COLLATE "C" NOT NULL,
  checkpoint_key text COLLATE "C" NOT NULL,
  value json NOT NULL,
  recorded_at timestamptz(3) NOT NULL,
  PRIMARY KEY (run_id, step_name, checkpoint_key)
);

CREATE TABLE ${s}.run_events (
  run_id uuid NOT NULL,
  seq bigint NOT NULL,
  type text COLLATE "C" NOT NULL,
  at timestamptz(3) NOT NULL,
  data json NOT NULL,
  PRIMARY KEY (run_id, seq)
);
COMMENT ON TABLE ${s}.run_events IS
  'The events that have no row of their own; creation, end and steps are in workflow_runs and workflow_step_runs';

CREATE TABLE ${s}.signals (
  run_id uuid NOT NULL,
  seq integer NOT NULL,
  taken boolean NOT NULL DEFAULT false,
  sent_at timestamptz(3) NOT NULL,
  signal_id text COLLATE "C" NOT NULL,
  name text COLLATE "C" NOT NULL,
  payload json NOT NULL,
  PRIMARY KEY (run_id, seq)
);
CREATE UNIQUE INDEX signals_by_id ON ${s}.signals (run_id, signal_id);

CREATE TABLE ${s}.workers (
  worker_id text COLLATE "C" NOT NULL PRIMARY KEY,
  lock_key bigint,
  pid integer,
  state text COLLATE "C" NOT NULL,
  host text COLLATE "C",
  beats_by text COLLATE "C",
  started_at timestamptz(3) NOT NULL,
  last_beat timestamptz NOT NULL,
  gone_at timestamptz(3)
);
COMMENT ON TABLE ${s}.workers IS
  'lock_key is null where there are no locks of sessions (behind a pooler), beats_by where nobody beats';

CREATE TABLE ${s}.queues (
  name text COLLATE "C" NOT NULL PRIMARY KEY,
  paused boolean NOT NULL DEFAULT false,
  concurrency integer,
  worker_concurrency integer,
  key_concurrency integer,
  rate_runs integer,
  rate_period_ms bigint,
  updated_at timestamptz(3) NOT NULL
);

CREATE TABLE ${s}.queue_starts (
  queue text COLLATE "C" NOT NULL,
  at timestamptz(3) NOT NULL,
  runs integer NOT NULL,
  PRIMARY KEY (queue, at)
);
COMMENT ON TABLE ${s}.queue_starts IS 'How many runs of a queue with a rate limit first began when, within its period';

CREATE TABLE ${s}.datasets (
  dataset_id uuid NOT NULL PRIMARY KEY,
  run_id text COLLATE "C" NOT NULL,
  step_name text COLLATE "C" NOT NULL,
  token bigint NOT NULL,
  chunks integer NOT NULL,
  rows bigint NOT NULL,
  rejected bigint NOT NULL,
  bytes bigint NOT NULL,
  cursor json,
  hash text COLLATE "C",
  created_at timestamptz(3) NOT NULL,
  sealed_at timestamptz(3),
  UNIQUE (run_id, step_name)
);

CREATE TABLE ${s}.dataset_chunks (
  dataset_id uuid NOT NULL,
  chunk integer NOT NULL,
  rows integer NOT NULL,
  hash text COLLATE "C" NOT NULL,
  lines text COLLATE "C",
  data bytea NOT NULL,
  PRIMARY KEY (dataset_id, chunk)
);
ALTER TABLE ${s}.dataset_chunks ALTER COLUMN data SET STORAGE EXTERNAL;

CREATE TABLE ${s}.rejects (
  dataset_id uuid NOT NULL,
  position bigint NOT NULL,
  code text COLLATE "C" NOT NULL,
  message text NOT NULL,
  line bigint,
  raw json NOT NULL,
  PRIMARY KEY (dataset_id, position)
);

CREATE TABLE ${s}.loads (
  load_id text COLLATE "C" NOT NULL PRIMARY KEY,
  run_id uuid NOT NULL,
  step_name text COLLATE "C" NOT NULL,
  table_name text COLLATE "C" NOT NULL,
  partition_key text COLLATE "C",
  partition json,
  disposition text COLLATE "C" NOT NULL,
  dataset_id text COLLATE "C" NOT NULL,
  hash text COLLATE "C" NOT NULL,
  inserted bigint NOT NULL,
  superseded bigint NOT NULL,
  loaded_at timestamptz(3) NOT NULL
);
CREATE INDEX loads_by_run ON ${s}.loads (run_id);

CREATE TABLE ${s}.partitions (
  table_name text COLLATE "C" NOT NULL,
  partition_key text COLLATE "C" NOT NULL,
  partition json NOT NULL,
  run_id uuid NOT NULL,
  load_id text COLLATE "C" NOT NULL,
  hash text COLLATE "C" NOT NULL,
  rows bigint NOT NULL,
  loaded_at timestamptz(3) NOT NULL,
  PRIMARY KEY (table_name, partition_key)
);

CREATE TABLE ${s}.quality_results (
  run_id uuid NOT NULL,
  event_seq bigint NOT NULL,
  position integer NOT NULL,
  step_name text COLLATE "C" NOT NULL,
  check_name text COLLATE "C" NOT NULL,
  category text COLLATE "C" NOT NULL,
  status text COLLATE "C" NOT NULL,
  blocking boolean NOT NULL,
  message text NOT NULL,
  actual text,
  expected text,
  rows_tested bigint NOT NULL,
  rows_failed bigint NOT NULL,
  samples json NOT NULL,
  recorded_at timestamptz(3) NOT NULL,
  PRIMARY KEY (run_id, event_seq, position)
);

CREATE TABLE ${s}.run_logs (
  run_id uuid NOT NULL,
  seq bigint NOT NULL,
  attempt integer NOT NULL,
  logged_at timestamptz(3) NOT NULL,
  step_name text COLLATE "C" NOT NULL,
  level text COLLATE "C" NOT NULL,
  message text NOT NULL,
  fields json,
  PRIMARY KEY (run_id, seq)
);
`,
};
