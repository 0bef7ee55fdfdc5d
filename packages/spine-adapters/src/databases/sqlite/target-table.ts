import { type Column, DECIMAL_SCALE, SpineError, type Table } from "spine-core";
import { columnsBeyond, otherColumn } from "../added-columns.ts";
import { keyColumns } from "../key-order.ts";
import { storedName } from "./column-codec.ts";
import type { SqliteConnection } from "./sqlite-connection.ts";

interface ColumnShape {
  readonly name: string;
  /** ANY is what a column of JSON is that a load has added: any other would not be known from one of texts. */
  readonly type: "TEXT" | "INTEGER" | "ANY";
  readonly notNull: boolean;
  /** The expression of a generated column. */
  readonly generated?: string;
}

/** Creates a target table and its captures where they are missing; refuses tables of another shape. */
export function createTargetTable(connection: SqliteConnection, table: Table): void {
  const columns = Object.entries(table.columns).flatMap(([name, column]) => shapesOf(name, column));
  columns.push(text("_spine_load_id"), text("_spine_loaded_at"));
  createOrCompare(connection, table.name, columns);
  const { key, partition } = table;
  const index = keyColumns(table);
  if (index.length > 0) createIndex(connection, table, table.name, "key", index, true);
  if (partition.some((name, at) => index[at] !== name)) {
    createIndex(connection, table, table.name, "partition", partition, false);
  }
  if (table.captures === null) return;
  createOrCompare(connection, table.captures, [...columns, text("_spine_superseded_at")]);
  const found = partition.length > 0 ? partition : key;
  if (found.length > 0) createIndex(connection, table, table.captures, "partition", found, false);
}

/** Adds nullable columns to a table and its captures, where they are missing; the table with them. */
export function addColumns(
  connection: SqliteConnection,
  table: Table,
  columns: Readonly<Record<string, Column>>,
): Table {
  const added = { ...columns };
  for (const name of table.captures === null ? [table.name] : [table.name, table.captures]) {
    const present = connection.all<TableInfo>("SELECT * FROM pragma_table_xinfo(?)", name);
    for (const [of, column] of Object.entries(added)) {
      const type = column.type === "json" ? "ANY" : column.type === "boolean" ? "INTEGER" : "TEXT";
      const found = present.find((one) => one.name === of)?.type;
      if (found === undefined) connection.script(`ALTER TABLE "${name}" ADD COLUMN "${of}" ${type}`);
      else if (found === "ANY") added[of] = { ...column, type: "json" };
      else if (found !== type) throw otherColumn(name, of, type, found);
    }
  }
  return columnsBeyond(table, added);
}

function text(name: string): ColumnShape {
  return { name, type: "TEXT", notNull: true };
}

function shapesOf(name: string, column: Column): readonly ColumnShape[] {
  const notNull = !column.nullable;
  const stored = storedName(name, column);
  switch (column.type) {
    case "integer":
    case "boolean":
      return [{ name: stored, type: "INTEGER", notNull }];
    case "decimal":
      return [
        { name: stored, type: "INTEGER", notNull },
        { name, type: "TEXT", notNull: false, generated: decimalText(stored, column.scale) },
      ];
    default:
      return [{ name: stored, type: "TEXT", notNull }];
  }
}

/** The units as a decimal in its shortest form, in SQL: what `fromUnits` is in TypeScript. */
export function decimalText(units: string, scale: number): string {
  const one = 10n ** BigInt(scale);
  const digits = `printf('%d.%0${scale}d', abs("${units}") / ${one}, abs("${units}") % ${one})`;
  const sign = `CASE WHEN "${units}" < 0 THEN '-' ELSE '' END`;
  return `CASE WHEN "${units}" IS NOT NULL THEN ${sign} || rtrim(rtrim(${digits}, '0'), '.') END`;
}

interface TableInfo {
  readonly name: string;
  readonly type: string;
  readonly notnull: number;
  readonly hidden: number;
}

function createOrCompare(connection: SqliteConnection, name: string, columns: readonly ColumnShape[]): void {
  const present = connection.all<TableInfo>("SELECT * FROM pragma_table_xinfo(?)", name);
  if (present.length > 0) {
    compare(name, present, columns);
    return;
  }
  const lines = columns.map(
    ({ name: column, type, notNull, generated }) =>
      `  "${column}" ${type}${notNull ? " NOT NULL" : ""}${generated ? ` AS (${generated}) VIRTUAL` : ""}`,
  );
  connection.script(`CREATE TABLE "${name}" (\n${lines.join(",\n")}\n) STRICT`);
}

function compare(name: string, present: readonly TableInfo[], wanted: readonly ColumnShape[]): void {
  const describe = (type: string, notNull: boolean, generated: boolean) =>
    `${type}${notNull ? " NOT NULL" : ""}${generated ? " (generated)" : ""}`;
  const is = new Map(
    present.map((column) => [column.name, describe(column.type, column.notnull === 1, column.hidden > 0)]),
  );
  const differences = wanted.flatMap((column) => {
    const should = describe(column.type, column.notNull, column.generated !== undefined);
    const found = is.get(column.name);
    is.delete(column.name);
    if (found === should) return [];
    return [
      `"${column.name}" should be ${should}, ${found === undefined ? "and is missing" : `is ${found}`}`,
    ];
  });
  // Loads may have added some, and the host for its own queries: a row that says nothing of one has null there.
  for (const [column, what] of is)
    if (what.endsWith(" NOT NULL"))
      differences.push(`"${column}" is there and wants a value, and the definition has no such column`);
  if (differences.length === 0) return;
  throw new SpineError(
    "CONFIG_INVALID",
    `The table "${name}" in the database is not the one that is defined: ${differences.join("; ")}. Alter it, or give the definition another name.`,
    { context: { table: name }, detail: { differences } },
  );
}

function createIndex(
  connection: SqliteConnection,
  table: Table,
  on: string,
  suffix: string,
  names: readonly string[],
  unique: boolean,
): void {
  const index = `${on}_${suffix}`;
  const columns = names.map((name) => storedName(name, table.columns[name] ?? TEXT_COLUMN));
  const present = connection
    .all<{ name: string }>("SELECT name FROM pragma_index_info(?) ORDER BY seqno", index)
    .map(({ name }) => name);
  if (present.length === 0) {
    const list = columns.map((name) => `"${name}"`).join(", ");
    connection.script(`CREATE ${unique ? "UNIQUE " : ""}INDEX "${index}" ON "${on}" (${list})`);
  } else if (present.join() !== columns.join()) {
    throw new SpineError(
      "CONFIG_INVALID",
      `The index "${index}" in the database is on (${present.join(", ")}), the definition of table "${table.name}" needs (${columns.join(", ")}). Drop the index, and it is made anew.`,
      { context: { table: table.name } },
    );
  }
}

const TEXT_COLUMN: Column = { type: "text", nullable: false, scale: DECIMAL_SCALE };
