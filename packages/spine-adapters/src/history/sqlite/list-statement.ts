import type { SqlValue } from "../../databases/sqlite/sqlite-connection.ts";
import {
  containing,
  containingInJson,
  type FilterColumn,
  LEAD_COLUMNS,
  type ListPlan,
  shapeOf,
} from "../list-plan.ts";
import type { StateTables } from "../state-tables.ts";

export interface ListStatement {
  /** Its last parameter is the LIMIT. */
  readonly sql: string;
  readonly values: readonly SqlValue[];
}

/** Texts by their shape and columns: building one takes as long as executing it. */
const texts = new WeakMap<StateTables, Map<string, string>>();

/** The runs of a plan, newest first. `columns` begin with `run_id`, the order. */
export function listStatement(
  tables: StateTables,
  plan: ListPlan,
  columns: readonly string[],
): ListStatement {
  const known = texts.get(tables) ?? new Map<string, string>();
  texts.set(tables, known);
  const key = `${shapeOf(plan)} ${columns.length} ${columns.at(-1)}`;
  let sql = known.get(key);
  if (sql === undefined) {
    sql = listSql(tables, plan, columns);
    known.set(key, sql);
  }
  return { sql, values: valuesOf(plan) };
}

/**
 * A branch for each status, each in the order of its index, which SQLite merges as it reads: nothing is sorted, and
 * nothing is read that is not returned. The index is named, because statistics could lead to another one.
 */
function listSql(t: StateTables, plan: ListPlan, columns: readonly string[]): string {
  const byTag = plan.index === "tag";
  const found = byTag ? "g" : "r";
  const list = columns.map((column) => `${column === "run_id" ? found : "r"}.${column}`).join(", ");
  const from = byTag ? taggedRuns(t, plan, columns) : runsBy(t, plan.index);
  const conditions = [
    ...(plan.lead === null || plan.index === "id" || plan.index === "status"
      ? []
      : [`${found}.${LEAD_COLUMNS[plan.index]} = ?`]),
    ...(plan.statuses ? [`${found}.status = ?`] : []),
    ...(plan.from === null ? [] : [`${found}.run_id >= ?`]),
    ...(plan.below === null ? [] : [`${found}.run_id < ?`]),
    ...plan.filters.map(([column]) => filterSql(t, column)),
    ...(plan.search === null ? [] : [SEARCH]),
  ];
  const where = conditions.length === 0 ? "" : ` WHERE ${conditions.join(" AND ")}`;
  const branch = `SELECT ${list} FROM ${from}${where}`;
  const branches = plan.statuses ? plan.statuses.map(() => branch) : [branch];
  return `${branches.join("\nUNION ALL ")}\nORDER BY 1 DESC LIMIT ?`;
}

/** One parameter each. */
function filterSql(t: StateTables, column: FilterColumn): string {
  switch (column) {
    case "tag":
      return `EXISTS (SELECT 1 FROM ${t.run_tags} f WHERE f.tag = ? AND f.status = r.status AND f.run_id = r.run_id)`;
    case "triggered_by":
      return "instr(r.triggered_by || ':', ?) = 1";
    case "quality_failed":
      return `iif(EXISTS (SELECT 1 FROM ${t.quality_results} q WHERE q.run_id = r.run_id AND q.status = 'FAIL'), 'true', 'false') = ?`;
    default:
      // The + keeps an index of this column out of the choice.
      return `+r.${column} = ?`;
  }
}

function runsBy(t: StateTables, index: ListPlan["index"]): string {
  const chosen = index === "id" ? "" : ` INDEXED BY ${t.prefix}workflow_runs_by_${index}`;
  return `${t.workflow_runs} r${chosen}`;
}

/** The run's row only where more than its id is asked for. CROSS keeps the order: by tag, then each run. */
function taggedRuns(t: StateTables, { filters, search }: ListPlan, columns: readonly string[]): string {
  const idOnly = columns.length === 1 && filters.length === 0 && search === null;
  return `${t.run_tags} g${idOnly ? "" : ` CROSS JOIN ${t.workflow_runs} r ON r.run_id = g.run_id`}`;
}

/** The text of the JSON first: few get past it to where each value is looked at. */
const SEARCH = `(
  (r.error LIKE ? ESCAPE '\\' AND (r.error ->> '$.message' LIKE ? ESCAPE '\\' OR r.error ->> '$.code' LIKE ? ESCAPE '\\'))
  OR (r.params LIKE ? ESCAPE '\\' AND EXISTS (SELECT 1 FROM json_tree(r.params) v WHERE v.atom LIKE ? ESCAPE '\\')))`;

function valuesOf({ lead, statuses, filters, search, from, below }: ListPlan): readonly SqlValue[] {
  const behind: SqlValue[] = [from, below].filter((bound) => bound !== null);
  for (const [, value] of filters) behind.push(value);
  if (search !== null) {
    const [text, json] = [containing(search), containingInJson(search)];
    behind.push(json, text, text, json, text);
  }
  const before = lead === null ? [] : [lead];
  if (!statuses) return [...before, ...behind];
  return statuses.flatMap((status) => [...before, status, ...behind]);
}
