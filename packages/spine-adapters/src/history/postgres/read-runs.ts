import type { RunDetail, RunEvent } from "spine-core";
import type { PostgresPools } from "../../databases/postgres/postgres-pools.ts";
import { type EventRow, type RunRow, readEvent, readRun, readStep, type StepRow } from "../run-rows.ts";
import type { StateTables } from "../state-tables.ts";
import { isRunId } from "./run-id.ts";
import { RUN_COLUMNS, STEP_COLUMNS } from "./run-select.ts";

type Detail = Readonly<Record<string, unknown>> & { readonly s_seq: number | null };

/** A run with its attempts, of one moment. */
export async function getRun(
  pools: PostgresPools,
  t: StateTables,
  runId: string,
): Promise<RunDetail | undefined> {
  if (!isRunId(runId)) return undefined;
  const rows = await pools.ask<Detail>("read", detailSql(t), [runId]);
  const [first] = rows;
  if (!first) return undefined;
  const steps = first.s_seq === null ? [] : rows.map((row) => readStep(stepOf(row)));
  return { run: readRun(first as unknown as RunRow), steps };
}

/** The run's columns come with each of its steps; those that may be long with the first one only. */
function detailSql(t: StateTables): string {
  const long = new Set(["params", "outputs", "error", "partition", "tags"]);
  const run = columnsOf(RUN_COLUMNS).map(({ name, sql }) =>
    long.has(name) ? `CASE WHEN s.seq IS NULL OR s.seq = 1 THEN r.${sql} END AS ${name}` : of("r", sql, name),
  );
  const step = columnsOf(STEP_COLUMNS).map(({ name, sql }) => `s.${sql} AS s_${name}`);
  return `SELECT ${[...run, ...step].join(", ")}
FROM ${t.workflow_runs} r LEFT JOIN ${t.workflow_step_runs} s ON s.run_id = r.run_id
WHERE r.run_id = $1 ORDER BY s.seq`;
}

function of(alias: string, sql: string, name: string): string {
  return sql.startsWith("coalesce(") ? `coalesce(${alias}.${name}, '{}') AS ${name}` : `${alias}.${sql}`;
}

function columnsOf(list: string): readonly { readonly name: string; readonly sql: string }[] {
  return list.split(/,\s*(?![^(]*\))/).map((sql) => ({ sql, name: sql.split(" AS ").at(-1) ?? sql }));
}

function stepOf(row: Detail): StepRow {
  const step = Object.entries(row).flatMap(([name, value]) =>
    name.startsWith("s_") ? [[name.slice(2), value] as const] : [],
  );
  return Object.fromEntries(step) as unknown as StepRow;
}

/**
 * The events of a run. Those of steps are told by the rows of the attempts, creation and end by the row of the run:
 * stored once, and in the same order as rows of their own would be, because each has its number.
 */
export async function runEvents(
  pools: PostgresPools,
  t: StateTables,
  runId: string,
  { after = 0, limit }: { readonly after?: number; readonly limit?: number } = {},
): Promise<readonly RunEvent[]> {
  if (!isRunId(runId)) return [];
  const rows = await pools.ask<EventRow>("read", eventsSql(t), [runId, after, limit ?? null]);
  return rows.map(readEvent);
}

function eventsSql(t: StateTables): string {
  const iso = `'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'`;
  return `WITH run AS (SELECT * FROM ${t.workflow_runs} WHERE run_id = $1),
step AS (SELECT * FROM ${t.workflow_step_runs} WHERE run_id = $1)
SELECT $1::uuid AS run_id, seq, type, at, data FROM (
  SELECT 1::int8 AS seq, 'run.created' AS type, created_at AS at, json_build_object('triggered_by', triggered_by) AS data
  FROM run
  UNION ALL
  SELECT 2, 'run.started', created_at, json_build_object('worker', started_by) FROM run WHERE started_by IS NOT NULL
  UNION ALL
  SELECT begun_event, 'step.started', started_at,
    json_build_object('step', step_name, 'kind', step_type, 'attempt', attempt)
  FROM step
  UNION ALL
  SELECT ended_event, 'step.' || lower(status), completed_at, json_strip_nulls(json_build_object(
    'step', step_name, 'attempt', attempt, 'error_code', error->>'code',
    'rows', CASE WHEN rows_in IS NOT NULL
      THEN json_build_object('in', rows_in, 'out', rows_out, 'rejected', rows_rejected) END,
    'retry_at', to_char(retry_at AT TIME ZONE 'UTC', ${iso})))
  FROM step WHERE ended_event IS NOT NULL
  UNION ALL
  SELECT seq, type, at, data FROM ${t.run_events} WHERE run_id = $1
  UNION ALL
  SELECT version, 'run.' || lower(status), completed_at, json_strip_nulls(json_build_object('error_code', error->>'code'))
  FROM run WHERE status IN ('COMPLETED', 'FAILED', 'CANCELLED')
    AND NOT EXISTS (SELECT 1 FROM ${t.run_events} e WHERE e.run_id = $1 AND e.seq = run.version)
) AS event WHERE seq > $2 ORDER BY seq LIMIT $3::int8`;
}
