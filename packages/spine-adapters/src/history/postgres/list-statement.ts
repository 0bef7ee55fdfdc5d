import { containing, containingInJson, LEAD_COLUMNS, type ListPlan, shapeOf } from "../list-plan.ts";
import type { StateTables } from "../state-tables.ts";
import type { Statement } from "./flush-statement.ts";

/** Texts by their shape and columns. */
const texts = new WeakMap<StateTables, Map<string, string>>();

/** The first `limit` runs of a plan, newest first. `columns` are in terms of `r`, the run's row. */
export function listStatement(t: StateTables, plan: ListPlan, columns: string, limit: number): Statement {
  const known = texts.get(t) ?? new Map<string, string>();
  texts.set(t, known);
  const key = `${shapeOf(plan)} ${columns}`;
  let sql = known.get(key);
  if (sql === undefined) {
    sql = listSql(t, plan, columns);
    known.set(key, sql);
  }
  return { sql, values: [...valuesOf(plan), limit] };
}

/**
 * A branch for each status, each in the order of its index, which the server merges as it reads (the connections for
 * reading have sorting disabled): nothing is read that is not returned. The parameters are $1 for the value that
 * the index begins with, then the statuses, the bounds, the filters, the search, the limit.
 */
function listSql(t: StateTables, plan: ListPlan, columns: string): string {
  let next = 0;
  const parameter = () => {
    next += 1;
    return `$${next}`;
  };
  const byTag = plan.index === "tag";
  const found = byTag ? "g" : "r";
  const equals =
    plan.lead === null || plan.index === "id" || plan.index === "status"
      ? []
      : [`${found}.${LEAD_COLUMNS[plan.index]} = ${parameter()}`];
  const statuses = plan.statuses?.map((): string | null => `${found}.status = ${parameter()}`) ?? [null];
  const bounds = [
    ...(plan.from === null ? [] : [`${found}.run_id >= ${parameter()}::uuid`]),
    ...(plan.below === null ? [] : [`${found}.run_id < ${parameter()}::uuid`]),
  ];
  // IS TRUE keeps the indexes of these columns out of the choice.
  const filters = plan.filters.map(([column]) =>
    column === "tag"
      ? `EXISTS (SELECT 1 FROM ${t.run_tags} f WHERE f.tag = ${parameter()} AND f.status = r.status AND f.run_id = r.run_id)`
      : `(r.${column} = ${parameter()}) IS TRUE`,
  );
  if (plan.search !== null) filters.push(searchSql(parameter(), parameter()));

  const branch = (status: string | null, inside: readonly string[]) => {
    const conditions = [...equals, ...(status ? [status] : []), ...bounds, ...inside];
    return conditions.length === 0 ? "" : ` WHERE ${conditions.join(" AND ")}`;
  };
  if (!byTag) {
    const branches = statuses.map(
      (status) => `SELECT ${columns} FROM ${t.workflow_runs} r${branch(status, filters)}`,
    );
    return `${merged(branches, "r")}\nORDER BY run_id DESC LIMIT ${parameter()}`;
  }
  const branches = statuses.map((status) => `SELECT g.run_id FROM ${t.run_tags} g${branch(status, [])}`);
  const where = filters.length === 0 ? "" : `\nWHERE ${filters.join(" AND ")}`;
  return `SELECT ${columns} FROM (${merged(branches, "g")}) AS g
JOIN ${t.workflow_runs} r ON r.run_id = g.run_id${where}
ORDER BY g.run_id DESC LIMIT ${parameter()}`;
}

/** Without an order of its own, the planner would not know that a branch has one, and sort all of them. */
function merged(branches: readonly string[], alias: string): string {
  if (branches.length === 1) return branches.join("");
  return branches.map((branch) => `(${branch} ORDER BY ${alias}.run_id DESC)`).join("\nUNION ALL ");
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
