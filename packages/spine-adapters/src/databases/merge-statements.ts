import { type Column, isByKey, type Merge, type RowStamp, SpineError, type Table } from "spine-core";

/** A column as it is stored, with its name in quotes. */
export interface MergeColumn {
  readonly name: string;
  /** The column of the table's definition that it is of. */
  readonly of: string;
  readonly nullable: boolean;
}

/** What a merge works on: relations and columns as SQL. */
export interface MergeRelations {
  readonly target: string;
  readonly captures: string | null;
  /** The input, with the columns of the target; where it was gathered before there was a load, without those of the stamp. */
  readonly staged: string;
  /** What stands in the columns of the stamp, as SQL, where the input does not have them. */
  readonly stamp?: string;
  /** Those of the definition; the stamp's come on top. */
  readonly columns: readonly MergeColumn[];
  readonly by: readonly string[];
  readonly strategy: Merge["strategy"];
  readonly absent: Merge["absent"];
  /** Which rows of the target (`t`) may be closed because the input has them not; null: all. */
  readonly within: string | null;
}

/** How a database writes what the statements are about. */
export interface MergeNames {
  readonly staged: string;
  /** As in `MergeRelations`. */
  readonly stamp?: string | undefined;
  /** A table by its name, as SQL. */
  readonly tableSql: (name: string) => string;
  /** The column that holds the values of one of the definition. */
  readonly stored: (name: string, column: Column) => string;
  readonly within: string | null;
}

export function relationsOf(
  table: Table,
  merge: Merge,
  { staged, stamp, tableSql, stored, within }: MergeNames,
): MergeRelations {
  return {
    ...merge,
    target: tableSql(table.name),
    captures: table.captures === null ? null : tableSql(table.captures),
    staged,
    ...(stamp === undefined ? {} : { stamp }),
    columns: mergeColumns(table, stored),
    within,
  };
}

/** The columns of the definition, as a database stores them. */
export function mergeColumns(table: Table, stored: MergeNames["stored"]): readonly MergeColumn[] {
  return Object.entries(table.columns).map(([of, column]) => ({
    name: `"${stored(of, column)}"`,
    of,
    nullable: column.nullable,
  }));
}

/** True where two rows of the input may not have one key: the table could keep either. */
export function wantsOnePerKey({ strategy, by }: Merge, table: Table): boolean {
  return strategy !== "delete-insert" || isByKey(by, table);
}

const STAMP = ['"_spine_load_id"', '"_spine_loaded_at"'] as const;

/** All columns of a loaded row. */
export function allColumns({ columns }: Pick<MergeRelations, "columns">): string {
  return [...columns.map(({ name }) => name), ...STAMP].join(", ");
}

/** The same of the input (`s`). */
export function inputColumns({ columns, stamp }: Pick<MergeRelations, "columns" | "stamp">): string {
  return [...columns.map(({ name }) => name), ...(stamp === undefined ? STAMP : [stamp])].join(", ");
}

/** The stamp as SQL: an id and a time that Spine has made. */
export function stampValues({ loadId, loadedAt }: RowStamp): string {
  return [loadId, loadedAt].map((text) => `'${text.replaceAll("'", "''")}'`).join(", ");
}

/** True, in SQL, for rows of the target (`t`) and the input (`s`) that are of one key. */
export function sameKey({ columns, by }: MergeRelations): string {
  return columns
    .filter(({ of }) => by.includes(of))
    .map(equal)
    .join(" AND ");
}

/** True, in SQL, for rows of one key that are the same in all other columns too. */
function sameRow({ columns }: MergeRelations): string {
  return columns.map(equal).join(" AND ");
}

/** The key that two rows of the input have, if there is one. */
export function twice({ columns, by, staged }: MergeRelations): string {
  const key = columns.filter(({ of }) => by.includes(of)).map(({ name }) => name);
  const list = key.join(", ");
  return `SELECT ${list} FROM ${staged} GROUP BY ${list} HAVING count(*) > 1 LIMIT 1`;
}

/** True, in SQL, for the rows of the target (`t`) that are not current any more once the input is there. */
export function goes(relations: MergeRelations): string {
  const { staged, strategy, absent, within } = relations;
  const any = (condition: string) => `EXISTS (SELECT 1 FROM ${staged} s WHERE ${condition})`;
  if (strategy !== "scd2") return any(sameKey(relations));
  const changed = `NOT ${any(sameRow(relations))}`;
  if (absent === "keep") return `${any(sameKey(relations))} AND ${changed}`;
  return within === null ? changed : `(${within} OR ${any(sameKey(relations))}) AND ${changed}`;
}

/** Brings the input (`s`), or a slice of it, in: what is there already, the same, stays. */
export function comes(relations: MergeRelations, slice = "true"): string {
  const { target, staged, strategy, by } = relations;
  const list = allColumns(relations);
  const insert = `INSERT INTO ${target} (${list}) SELECT ${inputColumns(relations)} FROM ${staged} s WHERE ${slice}`;
  if (strategy === "delete-insert") return insert;
  if (strategy === "scd2")
    return `${insert} AND NOT EXISTS (SELECT 1 FROM ${target} t WHERE ${sameKey(relations)})`;
  const key = relations.columns.filter(({ of }) => by.includes(of)).map(({ name }) => name);
  const set = list.split(", ").filter((name) => !key.includes(name));
  return `${insert} ON CONFLICT (${key.join(", ")}) DO UPDATE SET ${set.map((name) => `${name} = excluded.${name}`).join(", ")}`;
}

/** Null equals null here. Where there are none it is said plainly: an index can be used then. */
function equal({ name, nullable }: MergeColumn): string {
  const plain = `t.${name} = s.${name}`;
  return nullable ? `(${plain} OR (t.${name} IS NULL AND s.${name} IS NULL))` : plain;
}

/** Which of the two would stay? */
export function keyTwice(table: string, key: Readonly<Record<string, unknown>>): SpineError {
  const values = Object.entries(key).map(
    ([name, value]) => `${name} = ${typeof value === "bigint" ? value : JSON.stringify(value)}`,
  );
  return new SpineError(
    "LOAD_FAILED",
    `Two rows of the input have one key (${values.join(", ")}), so table "${table}" could keep either. Add \`unique\` to the quality checks, or a column to the key.`,
    { context: { table } },
  );
}

/** A row of the input has the key of a row that stays. */
export function keyTaken(table: string, cause: unknown): SpineError {
  const { detail, message } = cause as { readonly detail?: string; readonly message?: string };
  return new SpineError(
    "LOAD_FAILED",
    `A row of the input has the key of one that is in table "${table}" already and stays there: ${detail ?? message}. Merge by the key, or add a column to it.`,
    { context: { table }, cause },
  );
}
