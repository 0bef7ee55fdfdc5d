import { IN_MARKED } from "../../databases/postgres/transaction-mark.ts";
import { LOGS_PER_EVENT } from "../log-rows.ts";
import type { StateTables } from "../state-tables.ts";
import { CREATED_SHAPES, type CreatedShape } from "./created-rows.ts";
import { FLUSH_COLUMNS, type FlushPart } from "./flush-columns.ts";
import { wakeSql } from "./wake-sql.ts";

/** What may change of runs; of a flush, it is one of them. */
const MOVES = ["moves", "changes", "turns"] as const;

/** What the text of a flush depends on. */
export interface FlushShape {
  /** What it writes. */
  readonly has: Readonly<Partial<Record<FlushPart, boolean>>>;
  /**
   * Of parts that are one row of one commit: which of its cells are filled. They are plain parameters, which takes the
   * database half the time, and the others are none.
   */
  readonly single: Readonly<Partial<Record<FlushPart, string>>>;
  /** The time is a parameter: that of a virtual clock. */
  readonly virtual: boolean;
  /** It is the last word in a transaction of a step's: also tell that one's id, and refuse to be part of another. */
  readonly transactionId: boolean;
}

/**
 * A flush as one statement. The fence is the WHERE of the UPDATE of the runs; every other row is selected from
 * what that UPDATE returned. (A join or a subquery would read the statement's snapshot, in which a run that was
 * just taken over still belongs to its old owner.)
 *
 * (`IS TRUE` keeps the planner from finding runs by their status: its index is full of runs that were RUNNING once.)
 */
export function flushSql(t: StateTables, shape: FlushShape): string {
  const { has, single, virtual } = shape;
  const seq = "$1::int8";
  const now = virtual ? "$2::timestamptz" : "now()";
  let next = virtual ? 3 : 2;
  const from = (part: FlushPart, alias: string): string => {
    const sql = FLUSH_COLUMNS[part].source(alias, next, single[part]);
    next += FLUSH_COLUMNS[part].count(single[part]);
    return sql;
  };
  const parts: string[] = [];
  const owners: string[] = [];

  const shapeOfCreated = CREATED_SHAPES.find((each) => has[each]);
  if (shapeOfCreated) {
    parts.push(`created AS (
${insertRuns(t, { seq, now, rows: from(shapeOfCreated, "c"), shape: shapeOfCreated })})`);
    owners.push("SELECT run_id, 0::int8 AS base FROM created");
  }
  const moves = MOVES.find((each) => has[each]);
  if (moves) {
    const plain = moves === "moves";
    const waits = `CASE WHEN r.inbox > f.inbox THEN least(f.available_at, ${now}) ELSE f.available_at END`;
    const change = plain
      ? ""
      : `,
  status = coalesce(f.status, r.status), outputs = coalesce(f.outputs, r.outputs),
  error = CASE WHEN f.sets_error THEN f.error ELSE r.error END,
  metrics = CASE WHEN f.metrics IS NULL THEN r.metrics ELSE coalesce(r.metrics, '{}') || f.metrics END,
  worker = CASE WHEN coalesce(f.status, 'RUNNING') = 'RUNNING' THEN r.worker END,
  available_at = CASE WHEN f.status = 'PENDING' THEN coalesce(f.available_at, ${now})
    WHEN f.status = 'WAITING' THEN ${moves === "turns" ? waits : "f.available_at"} END,
  completed_at = CASE WHEN f.ends THEN ${now} END${
    moves === "turns" ? ",\n  ends_as = CASE WHEN f.sets_ends_as THEN f.ends_as ELSE r.ends_as END" : ""
  }`;
    const attempts = plain
      ? `attempts = f.attempts, open_steps = f.open_steps, open_version = r.version, open_since = ${now}`
      : `attempts = coalesce(f.attempts, r.attempts),
  open_steps = CASE WHEN f.open_version IS NULL THEN r.open_steps ELSE f.open_steps END,
  open_version = CASE WHEN f.open_version IS NULL THEN r.open_version ELSE r.version END,
  open_since = CASE WHEN f.open_version IS NULL THEN r.open_since ELSE ${now} END`;
    parts.push(`moved AS (
UPDATE ${t.workflow_runs} r SET version = r.version + f.events, write_seq = ${seq}, ${attempts}${change}
FROM ${from(moves, "f")}
WHERE r.run_id = f.run_id AND r.worker = f.worker AND r.token = f.token AND (r.status = 'RUNNING') IS TRUE
  AND r.write_seq < ${seq} AND r.open_version = ${plain ? "f.open_version" : "coalesce(f.open_version, r.open_version)"}
RETURNING r.run_id, r.version - f.events AS base)`);
    owners.push("SELECT run_id, base FROM moved");
  }
  parts.push(`owner AS (${owners.join(" UNION ALL ")})`);

  if (has.ended) {
    parts.push(`ended AS (
INSERT INTO ${t.workflow_step_runs} (run_id, seq, attempt, begun_event, ended_event, rows_in, rows_out, rows_rejected,
  started_at, completed_at, retry_at, step_name, step_type, status, output, error, metrics)
SELECT e.run_id, e.seq, e.attempt, CASE WHEN e.started_at IS NULL THEN o.base + e.begun_event ELSE e.begun_event END,
  o.base + e.pos, e.rows_in, e.rows_out, e.rows_rejected,
  coalesce(e.started_at, ${now}), ${now}, e.retry_at, e.name, e.kind, e.status, e.output, e.error, e.metrics
FROM ${from("ended", "e")} JOIN owner o ON o.run_id = e.run_id)`);
  }
  if (has.events) {
    parts.push(`told AS (
INSERT INTO ${t.run_events} (run_id, seq, type, at, data)
SELECT e.run_id, o.base + e.pos, e.type, ${now}, e.data
FROM ${from("events", "e")} JOIN owner o ON o.run_id = e.run_id)`);
  }
  if (has.loads) {
    parts.push(`loaded AS (
INSERT INTO ${t.loads} (run_id, load_id, step_name, table_name, partition_key, partition, disposition, dataset_id, hash,
  inserted, superseded, loaded_at)
SELECT l.*, ${now} FROM ${from("loads", "l")} JOIN owner o ON o.run_id = l.run_id)`);
  }
  if (has.partitions) {
    parts.push(`filled AS (
INSERT INTO ${t.partitions} (run_id, table_name, partition_key, partition, load_id, hash, rows, loaded_at)
SELECT p.*, ${now} FROM ${from("partitions", "p")} JOIN owner o ON o.run_id = p.run_id
ON CONFLICT (table_name, partition_key) DO UPDATE SET
  partition = excluded.partition, run_id = excluded.run_id, load_id = excluded.load_id,
  hash = excluded.hash, rows = excluded.rows, loaded_at = excluded.loaded_at)`);
  }
  if (has.quality) {
    parts.push(`checked AS (
INSERT INTO ${t.quality_results} (run_id, event_seq, position, step_name, check_name, category, status, blocking,
  message, actual, expected, rows_tested, rows_failed, samples, recorded_at, scope, workflow_name)
SELECT q.run_id, o.base + q.pos, q.position, q.step_name, q.check_name, q.category, q.status, q.blocking,
  q.message, q.actual, q.expected, q.rows_tested, q.rows_failed, q.samples, ${now}, q.scope,
  (SELECT r.workflow_name FROM ${t.workflow_runs} r WHERE r.run_id = q.run_id)
FROM ${from("quality", "q")} JOIN owner o ON o.run_id = q.run_id)`);
  }
  if (has.alerts) {
    parts.push(`raised AS (
INSERT INTO ${t.alerts} (run_id, alert_id, severity, title, message, source, workflow_name, step_name, domain, partition,
  labels, fingerprint, details, raised_at)
SELECT a.*, ${now} FROM ${from("alerts", "a")} JOIN owner o ON o.run_id = a.run_id)`);
  }
  if (has.logs) {
    parts.push(`logged AS (
INSERT INTO ${t.run_logs} (run_id, seq, step_name, attempt, level, message, fields, logged_at)
SELECT l.run_id, (o.base + l.pos) * ${LOGS_PER_EVENT} + l.position, l.step_name, l.attempt, l.level, l.message, l.fields,
  l.logged_at
FROM ${from("logs", "l")} JOIN owner o ON o.run_id = l.run_id)`);
  }
  if (has.progress) {
    parts.push(`said AS (
INSERT INTO ${t.step_progress} (run_id, step_name, attempt, rows_in, rows_out, rows_rejected, done, total, unit, message, said_at)
SELECT p.* FROM ${from("progress", "p")} JOIN owner o ON o.run_id = p.run_id
ON CONFLICT (run_id, step_name) DO UPDATE SET
  attempt = excluded.attempt, rows_in = excluded.rows_in, rows_out = excluded.rows_out,
  rows_rejected = excluded.rows_rejected, done = excluded.done, total = excluded.total, unit = excluded.unit,
  message = excluded.message, said_at = excluded.said_at)`);
  }
  if (has.cursors) {
    // Forwards only, and not where it was reset since.
    parts.push(`come AS (
INSERT INTO ${t.cursors} AS k (run_id, workflow_name, step_name, scope, kind, position, value, resets, updated_at)
SELECT c.*, ${now} FROM ${from("cursors", "c")} JOIN owner o ON o.run_id = c.run_id
ON CONFLICT (workflow_name, step_name, scope, kind) DO UPDATE SET
  position = excluded.position, value = excluded.value, run_id = excluded.run_id, updated_at = excluded.updated_at
WHERE k.resets = excluded.resets AND (k.position IS NULL OR k.position < excluded.position))`);
  }
  if (has.manifest) {
    parts.push(`reached AS (
INSERT INTO ${t.work_manifest} (run_id, domain, partition_key, stage, stage_rank, partition, rows, metrics, advanced_at)
SELECT m.*, ${now} FROM ${from("manifest", "m")} JOIN owner o ON o.run_id = m.run_id
ON CONFLICT (domain, partition_key, stage) DO UPDATE SET stage_rank = excluded.stage_rank, rows = excluded.rows,
  run_id = excluded.run_id, metrics = excluded.metrics, advanced_at = excluded.advanced_at)`);
  }
  if (has.checkpoints) {
    parts.push(`kept AS (
INSERT INTO ${t.step_checkpoints} (run_id, step_name, checkpoint_key, value, recorded_at)
SELECT k.*, ${now} FROM ${from("checkpoints", "k")} JOIN owner o ON o.run_id = k.run_id)`);
  }
  if (has.inherited) {
    parts.push(`inherited AS (
INSERT INTO ${t.workflow_step_runs} (run_id, seq, attempt, begun_event, ended_event, rows_in, rows_out, rows_rejected,
  started_at, completed_at, retry_at, step_name, step_type, status, output, error, metrics)
SELECT e.run_id, e.seq, e.attempt, o.base + e.pos - 1, o.base + e.pos, e.rows_in, e.rows_out, e.rows_rejected,
  ${now}, ${now}, e.retry_at, e.name, e.kind, e.status, e.output, e.error, e.metrics
FROM ${from("inherited", "e")} JOIN owner o ON o.run_id = e.run_id)`);
  }
  if (has.children) {
    // One that has no place because another run has its key would be waited for, and never come: that is refused.
    const rows = `(SELECT c.* FROM ${from("children", "c")} JOIN owner o ON c.parent_run_id = o.run_id::text) AS c`;
    parts.push(`born AS (
${insertRuns(t, { seq, now, rows, shape: "related", exists: "(run_id)" })})`);
  }
  if (has.taken) {
    parts.push(`took AS (
UPDATE ${t.signals} s SET taken = true FROM ${from("taken", "x")} JOIN owner o ON o.run_id = x.run_id
WHERE s.run_id = x.run_id AND s.signal_id = x.signal_id)`);
  }
  if (has.parents) {
    // A message has no number among the events of its run: the version stays as its owner knows it.
    parts.push(`woken AS (
UPDATE ${t.workflow_runs} r SET inbox = r.inbox + w.ended, ${wakeSql("r", now)}
FROM (
  SELECT p.parent_id, count(*) AS ended FROM ${from("parents", "p")} JOIN owner o ON o.run_id = p.run_id
  GROUP BY p.parent_id ORDER BY p.parent_id) AS w
WHERE r.run_id = w.parent_id)`);
  }
  const xid = shape.transactionId
    ? `, CASE WHEN ${IN_MARKED} THEN pg_current_xact_id()::text END AS transaction_id`
    : "";
  return `WITH ${parts.join(",\n")}
SELECT run_id, base, ${now}::timestamptz(3) AS at${xid} FROM owner`;
}

interface InsertRuns {
  /** The number of the write, in SQL. */
  readonly seq: string;
  readonly now: string;
  /** Rows with the columns of this shape. */
  readonly rows: string;
  readonly shape: CreatedShape;
  /** What makes a row one that exists: any unique index, when left out. */
  readonly exists?: string;
}

/** Stores runs that do not exist yet; returns the ids of those that it stored. */
function insertRuns(t: StateTables, { seq, now, rows, shape, exists = "" }: InsertRuns): string {
  const place = shape === "created" ? "" : ", queue, rank, concurrency_key";
  const placed = shape === "created" ? "" : ", coalesce(queue, ''), coalesce(rank, 0::int2), concurrency_key";
  const related = shape === "related" ? ", parent_step, rerun_of, deadline_at, debounce_key" : "";
  const undo = shape === "related" ? ", has_undo, inherited" : "";
  const undoing = shape === "related" ? ", coalesce(has_undo, false), coalesce(inherited, 0::int4)" : "";
  const due = `coalesce(available_at, ${now})`;
  const available =
    shape === "related" ? `least(${due}, ${now} + latest_ms * interval '1 millisecond')` : due;
  return `INSERT INTO ${t.workflow_runs} (run_id, list_id, version, token, write_seq, attempts, open_steps, open_since, created_at,
  started_at, available_at, status, workflow_name, worker, started_by, domain, partition_key, run_key, run_scope,
  fingerprint, params_hash, triggered_by, parent_run_id, partition, tags, params${place}${related}${undo})
SELECT run_id, run_id, version, 1, ${seq}, attempts, open_steps, ${now}, ${now}, CASE WHEN worker IS NOT NULL THEN ${now} END,
  CASE WHEN worker IS NULL THEN ${available} END,
  CASE WHEN worker IS NULL THEN 'PENDING' ELSE 'RUNNING' END, workflow_name, worker, worker, domain, partition_key,
  run_key, run_scope, fingerprint, params_hash, triggered_by, parent_run_id, partition, tags, params${placed}${related}${undoing}
FROM ${rows} ON CONFLICT ${exists === "" ? "" : `${exists} `}DO NOTHING RETURNING run_id`;
}
