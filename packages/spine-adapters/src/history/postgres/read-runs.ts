import type { OutageOptions, RunDetail, RunEvent, RunGlance } from "spine-core";
import type { PostgresPools } from "../../databases/postgres/postgres-pools.ts";
import type { ProgressRow } from "../progress-rows.ts";
import type { EventRow, RunRow, StepRow } from "../run-rows.ts";
import type { StateTables } from "../state-tables.ts";
import { readDetail } from "../stored-run.ts";
import { tellEvents } from "../tell-events.ts";
import { isRunId } from "./run-id.ts";
import { RUN_COLUMNS, STEP_COLUMNS } from "./run-select.ts";

type Detail = Readonly<Record<string, unknown>> & {
  readonly s_seq: number | null;
  /** How far the attempts under way have come, as JSON. */
  readonly progress: string | null;
};

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
  const run = first as unknown as RunRow;
  const steps = first.s_seq === null ? [] : rows.map(stepOf);
  return readDetail(run, steps, JSON.parse(first.progress ?? "[]") as readonly ProgressRow[]);
}

/** The run's columns come with each of its steps; those that may be long with the first one only. */
function detailSql(t: StateTables): string {
  const long = new Set(["params", "outputs", "error", "partition", "tags", "open_steps"]);
  const first = (sql: string) => `CASE WHEN row_number() OVER (ORDER BY s.seq) = 1 THEN ${sql} END`;
  const run = columnsOf(RUN_COLUMNS).map(({ name, sql }) =>
    long.has(name) ? `${first(`r.${sql}`)} AS ${name}` : of("r", sql, name),
  );
  const step = columnsOf(STEP_COLUMNS).map(({ name, sql }) => `s.${sql} AS s_${name}`);
  // What stands in `open_steps` may be damaged: it is read, and refused, elsewhere.
  const progress = `(SELECT json_agg(p) FROM json_array_elements(
    CASE WHEN json_typeof(r.open_steps) = 'array' THEN r.open_steps END) AS o
  JOIN ${t.step_progress} p ON p.run_id = r.run_id AND p.step_name = o->>'name')`;
  return `SELECT ${[...run, ...step].join(", ")}, ${first(progress)} AS progress
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

/** The events of a run; see `tellEvents`. */
export async function runEvents(
  pools: PostgresPools,
  t: StateTables,
  runId: string,
  options: { readonly after?: number; readonly limit?: number } = {},
): Promise<readonly RunEvent[]> {
  if (!isRunId(runId)) return [];
  // The run's row first: what is read behind it may be younger, and is left out as far as it is.
  const [run] = await pools.ask<RunRow>(
    "read",
    `SELECT ${RUN_COLUMNS} FROM ${t.workflow_runs} WHERE run_id = $1`,
    [runId],
  );
  if (!run) return [];
  const [steps, told] = await Promise.all([
    pools.ask<StepRow>(
      "read",
      `SELECT ${STEP_COLUMNS} FROM ${t.workflow_step_runs} WHERE run_id = $1 AND ended_event > $2 ORDER BY seq`,
      [runId, options.after ?? 0],
    ),
    pools.ask<EventRow>("read", `SELECT * FROM ${t.run_events} WHERE run_id = $1 AND seq > $2`, [
      runId,
      options.after ?? 0,
    ]),
  ]);
  return tellEvents(run, steps, told, options);
}

/** How far runs are. */
export async function glanceAtRuns(
  pools: PostgresPools,
  t: StateTables,
  runIds: readonly string[],
  { signal }: OutageOptions = {},
): Promise<readonly RunGlance[]> {
  const sql = `SELECT ${GLANCE} FROM ${t.workflow_runs} WHERE run_id = ANY ($1::uuid[])`;
  return await pools.ask<RunGlance>("read", sql, [runIds.filter(isRunId)], signal);
}

/** The runs in the hands of a worker. */
export async function runsOwnedBy(
  pools: PostgresPools,
  t: StateTables,
  worker: string,
  { signal }: OutageOptions = {},
): Promise<readonly RunGlance[]> {
  const sql = `SELECT ${GLANCE} FROM ${t.workflow_runs} WHERE status = 'RUNNING' AND worker = $1`;
  return await pools.ask<RunGlance>("read", sql, [worker], signal);
}

const GLANCE = `run_id AS "runId", status, version, token, inbox`;
