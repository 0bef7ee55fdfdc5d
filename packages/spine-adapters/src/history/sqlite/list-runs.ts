import { setImmediate } from "node:timers/promises";
import { pageOf, pageSize, type RunPage, type RunQuery, selectRuns } from "spine-core";
import type { SqliteConnection } from "../../databases/sqlite/sqlite-connection.ts";
import type { SqlitePool } from "../../databases/sqlite/sqlite-pool.ts";
import { type ListPlan, planList } from "../list-plan.ts";
import { readSummary, SUMMARY_COLUMNS, type SummaryRow } from "../run-rows.ts";
import type { StateTables } from "../state-tables.ts";
import { type ListStatement, listStatement } from "./list-statement.ts";

/** Runs that are looked at in one go where not each of them fits: the first time, and at most. */
const FIRST_SLICE = 250;
const LARGEST_SLICE = 4_000;

/** A page of runs, newest first. */
export async function listRuns(
  pool: SqlitePool,
  tables: StateTables,
  query: RunQuery,
  now: number,
): Promise<RunPage> {
  const limit = pageSize(query);
  const plan = planList(selectRuns(query, now));
  const rows: SummaryRow[] = [];
  for await (const slice of slicesOf(pool, tables, plan)) {
    const statement = listStatement(tables, slice, SUMMARY_COLUMNS);
    const found = await pool.read((connection) => page(connection, statement, limit + 1 - rows.length));
    rows.push(...found);
    if (rows.length > limit) break;
  }
  return pageOf(rows.map(readSummary), limit);
}

function page(connection: SqliteConnection, { sql, values }: ListStatement, limit: number) {
  return connection.arrays(sql, ...values, limit) as unknown as readonly SummaryRow[];
}

/**
 * The plan itself where its index finds nothing but runs that fit. Otherwise the plan for one piece of the index
 * after another, newest first: SQLite works on the thread that everything else here runs on, so a look through many
 * runs has to let others in between.
 */
export async function* slicesOf(
  pool: SqlitePool,
  tables: StateTables,
  plan: ListPlan,
): AsyncIterable<ListPlan> {
  if (plan.statuses?.length === 0) return;
  if (plan.filters.length === 0 && plan.search === null) {
    yield plan;
    return;
  }
  let { below } = plan;
  for (let size = FIRST_SLICE; ; size = Math.min(size * 4, LARGEST_SLICE)) {
    const ids = listStatement(tables, { ...plan, filters: [], search: null, below }, ["run_id"]);
    const [last] = await pool.read((connection) =>
      connection.arrays(`${ids.sql} OFFSET ?`, ...ids.values, 1, size - 1),
    );
    const from = last ? String(last[0]) : plan.from;
    yield { ...plan, from, below };
    if (!last || from === null) return;
    below = from;
    await setImmediate();
  }
}
