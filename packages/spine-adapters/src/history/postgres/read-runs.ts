import type { OutageOptions, RunDetail, RunEvent, RunGlance } from "spine-core";
import type { PostgresPools } from "../../databases/postgres/postgres-pools.ts";
import type { EventRow, RunRow, StepRow } from "../run-rows.ts";
import type { StateTables } from "../state-tables.ts";
import { readDetail } from "../stored-run.ts";
import { tellEvents } from "../tell-events.ts";
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
  const run = first as unknown as RunRow;
  return readDetail(run, first.s_seq === null ? [] : rows.map(stepOf));
}

/** The run's columns come with each of its steps; those that may be long with the first one only. */
function detailSql(t: StateTables): string {
  const long = new Set(["params", "outputs", "error", "partition", "tags", "open_steps"]);
  const run = columnsOf(RUN_COLUMNS).map(({ name, sql }) =>
    long.has(name)
      ? `CASE WHEN row_number() OVER (ORDER BY s.seq) = 1 THEN r.${sql} END AS ${name}`
      : of("r", sql, name),
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
