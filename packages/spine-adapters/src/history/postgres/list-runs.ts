import { pageOf, pageSize, type RunPage, type RunQuery, selectRuns } from "spine-core";
import type { PostgresPools } from "../../databases/postgres/postgres-pools.ts";
import { planList } from "../list-plan.ts";
import { readSummary, SUMMARY_COLUMNS, type SummaryRow } from "../run-rows.ts";
import type { StateTables } from "../state-tables.ts";
import { listStatement } from "./list-statement.ts";

const ERROR_SUMMARY = `CASE WHEN r.error IS NOT NULL THEN json_build_object(
  'code', r.error->'code', 'category', r.error->'category', 'message', r.error->'message') END`;

/** The columns of a list; of an error, which may be long, the parts that a list shows. */
export const LISTED = Object.fromEntries(
  SUMMARY_COLUMNS.map((name) => [name, name === "error" ? ERROR_SUMMARY : `r.${name}`]),
);

/** A page of runs, newest first. */
export async function listRuns(
  pools: PostgresPools,
  t: StateTables,
  query: RunQuery,
  now: number,
): Promise<RunPage> {
  const limit = pageSize(query);
  const plan = planList(selectRuns(query, now));
  if (plan.statuses?.length === 0) return pageOf([], limit);
  const { sql, values } = listStatement(t, plan, LISTED, limit + 1);
  const rows = await pools.askArrays<SummaryRow>("read", sql, values);
  return pageOf(rows.map(readSummary), limit);
}
