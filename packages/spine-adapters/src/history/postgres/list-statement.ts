import {
  containing,
  containingInJson,
  type FilterColumn,
  LEAD_COLUMNS,
  type ListPlan,
  shapeOf,
} from "../list-plan.ts";
import type { StateTables } from "../state-tables.ts";
import type { Statement } from "./flush-statement.ts";

/** Texts by their shape and columns. */
const texts = new WeakMap<StateTables, Map<string, string>>();

/** What is read of a run: the names of columns, and what they hold in terms of `r`, the run's row. */
export type ListColumns = Readonly<Record<string, string>>;

/** The first `limit` runs of a plan, newest first. */
export function listStatement(
  t: StateTables,
  plan: ListPlan,
  columns: ListColumns,
  limit: number,
): Statement {
  const known = texts.get(t) ?? new Map<string, string>();
  texts.set(t, known);
  const key = `${shapeOf(plan)} ${Object.keys(columns).join()}`;
  let sql = known.get(key);
  if (sql === undefined) {
    sql = listSql(t, plan, columns);
    known.set(key, sql);
  }
  return { sql, values: [...valuesOf(plan), limit] };
}

/**
 * A branch for each status, each in the order of its index, which the server merges as it reads (the connections for
 * reading have sorting disabled): nothing is read that is not returned.
 *
 * Each order is one that a single index has. The primary key's is that of the runs as well, and the planner would take it
 * for a status that it thinks frequent, to read all runs when there are none. So the indexes of workflow, domain
 * and partition are in the order of `list_id`, which is the run's id again; and the one of statuses is asked for (status,
 * run_id), of which it cannot see that the status is one: there each branch has its own limit.
 */
function listSql(t: StateTables, plan: ListPlan, columns: ListColumns): string {
  let next = 0;
  const parameter = () => {
    next += 1;
    return `$${next}`;
  };
  const { index } = plan;
  const row = index === "tag" ? "g" : "r";
  const position = index in LEAD_COLUMNS && index !== "tag" ? `${row}.list_id` : `${row}.run_id`;
  const bound = (value: string) => `${value}::uuid`;
  const lead = index === "id" || index === "status" ? [] : [`${row}.${LEAD_COLUMNS[index]} = ${parameter()}`];
  const statuses = plan.statuses?.map(parameter) ?? [null];
  const from = plan.from === null ? null : bound(parameter());
  const below = plan.below === null ? null : bound(parameter());
  // IS TRUE keeps the indexes of these columns out of the choice.
  const filters = plan.filters.map(([column]) => filterSql(t, column, parameter()));
  if (plan.search !== null) filters.push(searchSql(parameter(), parameter()));
  const limit = parameter();

  const isIn = (status: string | null): readonly string[] => {
    if (index === "status") {
      return [
        `(r.status, r.run_id) >= (${status}, ${from ?? "'00000000-0000-0000-0000-000000000000'"})`,
        `(r.status, r.run_id) < (${status}, ${below ?? "'ffffffff-ffff-ffff-ffff-ffffffffffff'"})`,
      ];
    }
    return [
      ...lead,
      ...(status === null ? [] : [`${row}.status = ${status}`]),
      ...(from === null ? [] : [`${position} >= ${from}`]),
      ...(below === null ? [] : [`${position} < ${below}`]),
    ];
  };
  const order = index === "status" ? `r.status DESC, r.run_id DESC LIMIT ${limit}` : `${position} DESC`;
  const list = Object.entries(columns).map(([name, sql]) => `${sql} AS ${name}`);
  const branches = (selected: string, more: readonly string[]) =>
    statuses.map((status) => {
      const all = [...isIn(status), ...more];
      const where = all.length === 0 ? "" : ` WHERE ${all.join(" AND ")}`;
      const table = index === "tag" ? t.run_tags : t.workflow_runs;
      // Without an order of its own, the planner would not know that a branch has one.
      return `(SELECT ${selected} FROM ${table} ${row}${where} ORDER BY ${order})`;
    });
  if (index !== "tag") {
    const rows = branches([...list, `${position} AS position`].join(", "), filters);
    return `SELECT ${Object.keys(columns).join(", ")} FROM (${rows.join("\nUNION ALL ")}) AS runs
ORDER BY position DESC LIMIT ${limit}`;
  }
  return `SELECT ${list.join(", ")} FROM (${branches("g.run_id", []).join("\nUNION ALL ")}) AS g
JOIN ${t.workflow_runs} r ON r.run_id = g.run_id${filters.length === 0 ? "" : `\nWHERE ${filters.join(" AND ")}`}
ORDER BY g.run_id DESC LIMIT ${limit}`;
}

function filterSql(t: StateTables, column: FilterColumn, value: string): string {
  switch (column) {
    case "tag":
      return `EXISTS (SELECT 1 FROM ${t.run_tags} f WHERE f.tag = ${value} AND f.status = r.status AND f.run_id = r.run_id)`;
    case "triggered_by":
      return `starts_with(r.triggered_by || ':', ${value})`;
    case "quality_failed":
      return `EXISTS (SELECT 1 FROM ${t.quality_results} q WHERE q.run_id = r.run_id AND q.status = 'FAIL') = ${value}::boolean`;
    default:
      return `(r.${column} = ${value}) IS TRUE`;
  }
}

/** The text of the JSON first: few get past it to where each value is looked at. */
function searchSql(text: string, json: string): string {
  const has = (value: string, pattern: string) => `(${value}) COLLATE "C" ILIKE ${pattern}`;
  return `(
  (${has("r.error::text", json)} AND (${has("r.error->>'message'", text)} OR ${has("r.error->>'code'", text)}))
  OR (${has("r.params::text", json)} AND EXISTS (
    SELECT 1 FROM jsonb_path_query(r.params::jsonb, '$.**') AS v
    WHERE jsonb_typeof(v) NOT IN ('object', 'array', 'null') AND ${has("v #>> '{}'", text)})))`;
}

function valuesOf({ lead, statuses, filters, search, from, below }: ListPlan): readonly unknown[] {
  return [
    ...(lead === null ? [] : [lead]),
    ...(statuses ?? []),
    ...[from, below].filter((bound) => bound !== null),
    ...filters.map(([, value]) => value),
    ...(search === null ? [] : [containing(search), containingInJson(search)]),
  ];
}
