import { aList, anObject, aText, checkOptions, type OptionKinds, required } from "../check-options.ts";
import { SpineError } from "../errors.ts";

/** The types of a target's columns; each database maps them to its own. */
export type ColumnType = (typeof COLUMN_TYPES)[number];
const COLUMN_TYPES = ["text", "integer", "boolean", "date", "timestamp", "json", "decimal"] as const;

export interface Column {
  readonly type: ColumnType;
  readonly nullable: boolean;
  /** Digits after the point, for decimals. */
  readonly scale: number;
}

/** What a row holds in a column: decimals, dates and timestamps are text, so that nothing is lost. */
type ValueOf<C> = C extends `${infer Base}?`
  ? ValueOf<Base> | null
  : C extends "integer"
    ? number
    : C extends "boolean"
      ? boolean
      : C extends "json"
        ? unknown
        : string;

/** The rows that a table of these columns accepts; nullable columns may be left out. */
export type RowFor<C> = {
  readonly [K in keyof C as C[K] extends `${string}?` ? never : K]: ValueOf<C[K]>;
} & {
  readonly [K in keyof C as C[K] extends `${string}?` ? K : never]?: ValueOf<C[K]> | undefined;
};

/** How a column is spelt: its type, with `?` when it may be null; decimals have six places. */
export type ColumnSpec = ColumnType | `${ColumnType}?`;

declare const accepts: unique symbol;

/** A table that loads write to: frozen data, the same on every database. */
export interface Table<R extends object = never> {
  readonly name: string;
  readonly columns: Readonly<Record<string, Column>>;
  /** The columns that identify a row among the current ones. */
  readonly key: readonly string[];
  /** The columns that name the partition which `replace-partition` replaces. */
  readonly partition: readonly string[];
  /** Where superseded rows are kept for as-of queries; null when they are dropped. */
  readonly captures: string | null;
  /** Exists only for the type checker: the rows that it accepts. */
  readonly [accepts]?: (row: R) => void;
}

export interface TableOptions<C extends Readonly<Record<string, ColumnSpec>>> {
  readonly name: string;
  readonly columns: C;
  readonly key: readonly (keyof C & string)[];
  readonly partition?: readonly (keyof C & string)[];
  /** Keep superseded rows in this table, with the time until which they were the current ones. */
  readonly captures?: string;
}

/** True for a table as `defineTable` returns it: one that was made by hand may name anything, and its names stand in statements. */
export function isTable(value: unknown): value is Table {
  if (typeof value !== "object" || value === null) return false;
  const { name, columns, key, partition, captures } = value as Partial<Table>;
  if (typeof columns !== "object" || columns === null || !Array.isArray(key) || !Array.isArray(partition))
    return false;
  const names = [name, ...Object.keys(columns), ...(captures === null ? [] : [captures])];
  return (
    names.every((one) => typeof one === "string" && isColumnName(one)) &&
    [...key, ...partition].every((one) => Object.hasOwn(columns, one))
  );
}

const OPTIONS: OptionKinds<TableOptions<never>> = {
  name: required(aText),
  columns: required(anObject),
  key: required(aList),
  partition: aList,
  captures: aText,
};

/** The places after the point that decimals keep. */
export const DECIMAL_SCALE = 6;

/**
 * Defines a target table. Besides its columns it gets `_spine_load_id` (which load wrote the row) and
 * `_spine_loaded_at`; its captures also get `_spine_superseded_at`. Columns of its partition are not null, and no JSON.
 *
 * @throws SpineError CONFIG_INVALID that names what cannot be.
 * @example
 * const trades = defineTable({ name: "trades", columns: { symbol: "text", shares: "decimal" }, key: ["symbol"] });
 */
export function defineTable<const C extends Readonly<Record<string, ColumnSpec>>>(
  options: TableOptions<C>,
): Table<RowFor<C>> {
  checkOptions(options, OPTIONS, { of: "defineTable", code: "CONFIG_INVALID" });
  const tables = [options.name, ...(options.captures === undefined ? [] : [options.captures])];
  for (const name of [...tables, ...Object.keys(options.columns)]) {
    if (!isColumnName(name)) {
      throw new SpineError(
        "CONFIG_INVALID",
        `"${name}" cannot name a table or a column. Use lower-case letters, digits and _, starting with a letter, at most 63.`,
      );
    }
  }
  for (const name of tables) {
    if (name.startsWith("sqlite_")) {
      throw new SpineError(
        "CONFIG_INVALID",
        `"${name}" cannot name a table: SQLite keeps names that begin with "sqlite_" for itself. Choose another.`,
      );
    }
  }
  const columns = Object.fromEntries(
    Object.entries(options.columns).map(([name, spec]) => [name, columnOf(options.name, name, spec)]),
  );
  for (const [name, { type }] of Object.entries(columns)) {
    if (type === "decimal" && Object.hasOwn(columns, `${name}_units`)) {
      throw new SpineError(
        "CONFIG_INVALID",
        `Table "${options.name}" cannot have a column "${name}_units": SQLite keeps the decimals of "${name}" in a column of that name. Rename one of them.`,
      );
    }
  }
  if (options.captures === options.name) {
    throw new SpineError(
      "CONFIG_INVALID",
      `Table "${options.name}" cannot keep its own captures: superseded rows would be current ones. Name another table in \`captures\`.`,
    );
  }
  checkNames(options.name, "key", options.key, columns);
  checkNames(options.name, "partition", options.partition ?? [], columns);
  return Object.freeze({
    name: options.name,
    columns: Object.freeze(columns),
    key: Object.freeze([...options.key]),
    partition: Object.freeze([...(options.partition ?? [])]),
    captures: options.captures ?? null,
  });
}

/** True for what may stand in a statement as the name of a table or a column: nothing else ever does. */
export function isColumnName(name: string): boolean {
  return /^[a-z][a-z0-9_]{0,62}$/.test(name);
}

/** The columns of a key or a partition. Only what is there in each row, and equal or not as a text, says which partition it is of. */
function checkNames(
  table: string,
  option: "key" | "partition",
  names: readonly string[],
  columns: Table["columns"],
): void {
  for (const [at, name] of names.entries()) {
    const column = Object.hasOwn(columns, name) ? columns[name] : undefined;
    const refuse = (why: string) =>
      new SpineError("CONFIG_INVALID", `Table "${table}" ${why}.`, { context: { table, column: name } });
    if (!column) throw refuse(`has no column "${name}" for its key or partition`);
    if (names.indexOf(name) !== at) throw refuse(`names the column "${name}" twice in its \`${option}\``);
    if (option === "key") continue;
    if (column.nullable) throw refuse(`cannot have "${name}" in its \`partition\`: the column may be null`);
    if (column.type === "json")
      throw refuse(`cannot have "${name}" in its \`partition\`: the column is JSON`);
  }
}

/** A specification may come from plain JavaScript, or from data. */
function columnOf(table: string, name: string, spec: string): Column {
  const base = String(spec).replace(/\?$/, "");
  const type = COLUMN_TYPES.find((one) => one === base);
  if (type === undefined) {
    throw new SpineError(
      "CONFIG_INVALID",
      `Table "${table}" gives its column "${name}" the type "${spec}", which there is not. Use one of ${COLUMN_TYPES.join(", ")}, with ? after it when the column may be null.`,
    );
  }
  return Object.freeze({ type, nullable: spec.endsWith("?"), scale: DECIMAL_SCALE });
}
