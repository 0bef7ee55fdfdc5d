import {
  partitionKey,
  type RunDetail,
  type RunEvent,
  type RunPage,
  type RunQuery,
  type RunStatus,
  ValidationError,
} from "spine-core";
import type { PostgresPools } from "../../databases/postgres/postgres-pools.ts";
import { type EventRow, type RunRow, readRun, readSteps, type StepRow } from "../run-rows.ts";
import type { StateTables } from "../state-tables.ts";
import { tellEvents } from "../tell-events.ts";
import { isRunId } from "./run-id.ts";
import { RUN_COLUMNS, STEP_COLUMNS } from "./run-select.ts";

const DEFAULT_LIMIT = 50;
const MOST = 200;

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
  return { run: readRun(run), steps: readSteps(run, first.s_seq === null ? [] : rows.map(stepOf)) };
}

/** The run's columns come with each of its steps; those that may be long with the first one only. */
function detailSql(t: StateTables): string {
  const long = new Set(["params", "outputs", "error", "partition", "open_steps"]);
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

/** A page of runs, newest first: run ids are in the order of creation. */
export async function listRuns(pools: PostgresPools, t: StateTables, query: RunQuery): Promise<RunPage> {
  const limit = pageSize(query.limit);
  if (query.status?.length === 0) return { items: [], nextCursor: null };
  const values: unknown[] = [];
  const filter = (sql: string, value: unknown) => {
    if (value === undefined) return [];
    values.push(value);
    return [`${sql} $${values.length}`];
  };
  const filters = [
    ...filter("workflow_name =", query.workflow),
    ...filter("domain =", query.domain),
    ...filter("partition_key =", query.partition && partitionKey(query.partition)),
    ...filter("run_id <", query.cursor === undefined ? undefined : readCursor(query.cursor)),
  ];
  // One branch for each status, so that each is read in order from the index and no status is sorted.
  const branch = (status: RunStatus | null) => {
    const where = status === null ? filters : [...filter("status =", status), ...filters];
    const condition = where.length === 0 ? "" : `WHERE ${where.join(" AND ")}`;
    return `(SELECT ${RUN_COLUMNS} FROM ${t.workflow_runs} ${condition} ORDER BY run_id DESC LIMIT ${limit + 1})`;
  };
  const statuses: readonly (RunStatus | null)[] = query.status ? [...new Set(query.status)] : [null];
  const branches = statuses.map(branch).join(" UNION ALL ");
  const sql = `SELECT * FROM (${branches}) AS page ORDER BY run_id DESC LIMIT ${limit + 1}`;
  const rows = await pools.ask<RunRow>("read", sql, values);
  const items = rows.slice(0, limit).map(readRun);
  const last = items.at(-1);
  return { items, nextCursor: rows.length > limit && last ? writeCursor(last.runId) : null };
}

function pageSize(limit = DEFAULT_LIMIT): number {
  if (Number.isInteger(limit) && limit >= 1) return Math.min(limit, MOST);
  throw new ValidationError(`The limit of a list is ${limit}; it must be a whole number from 1 to ${MOST}.`);
}

function writeCursor(runId: string): string {
  return Buffer.from(JSON.stringify([runId])).toString("base64url");
}

function readCursor(cursor: string): string {
  try {
    const [runId] = JSON.parse(Buffer.from(cursor, "base64url").toString()) as unknown[];
    if (typeof runId === "string" && isRunId(runId)) return runId;
  } catch {
    // Refused below.
  }
  throw new ValidationError("The cursor is not one that a list returned. Start again without a cursor.");
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
