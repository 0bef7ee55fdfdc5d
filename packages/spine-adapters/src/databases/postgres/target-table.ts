import type { Column, Table } from "spine-core";
import { SpineError } from "spine-core";
import { columnsBeyond, otherColumn } from "../added-columns.ts";
import { keyColumns } from "../key-order.ts";
import { sqlType } from "./column-codec.ts";
import type { Query } from "./postgres-pools.ts";

interface ColumnShape {
  readonly name: string;
  readonly type: string;
  readonly notNull: boolean;
}

/** Creates a target table and its captures where they are missing; refuses tables of another shape. */
export async function createTargetTable(query: Query, schema: string, table: Table): Promise<void> {
  await lockTable(query, schema, table);
  const columns: ColumnShape[] = Object.entries(table.columns).map(([name, column]) => ({
    name,
    type: sqlType(column),
    notNull: !column.nullable,
  }));
  columns.push(text("_spine_load_id"), text("_spine_loaded_at"));
  await createOrCompare(query, schema, table.name, columns);
  const { key, partition } = table;
  const index = keyColumns(table);
  if (index.length > 0) await createIndex(query, schema, table, table.name, "key", index, true);
  if (partition.some((name, at) => index[at] !== name)) {
    await createIndex(query, schema, table, table.name, "partition", partition, false);
  }
  if (table.captures === null) return;
  await createOrCompare(query, schema, table.captures, [...columns, text("_spine_superseded_at")]);
  const found = partition.length > 0 ? partition : key;
  if (found.length > 0) await createIndex(query, schema, table, table.captures, "partition", found, false);
}

/** Adds nullable columns to a table and its captures, where they are missing; the table with them. */
export async function addColumns(
  query: Query,
  schema: string,
  table: Table,
  columns: Readonly<Record<string, Column>>,
): Promise<Table> {
  await lockTable(query, schema, table);
  const added = { ...columns };
  for (const name of table.captures === null ? [table.name] : [table.name, table.captures]) {
    const present = new Map((await columnsIn(query, schema, name)).map((column) => [column.name, column]));
    for (const [of, column] of Object.entries(added)) {
      const found = present.get(of);
      if (!found) {
        const collated = column.type === "text" ? ' COLLATE "C"' : "";
        await query(`ALTER TABLE "${schema}"."${name}" ADD COLUMN "${of}" ${sqlType(column)}${collated}`);
      } else if (found.type === "jsonb") added[of] = { ...column, type: "json" };
      else if (found.type !== sqlType(column)) throw otherColumn(name, of, sqlType(column), found.type);
    }
  }
  return columnsBeyond(table, added);
}

function text(name: string): ColumnShape {
  return { name, type: "text", notNull: true };
}

/** Two processes that start at once would both find it missing; of a database that is loaded into only, the schema may be too. */
async function lockTable(query: Query, schema: string, table: Table): Promise<void> {
  const [found] = await query<{ missing: boolean }>(
    "SELECT pg_advisory_xact_lock(hashtextextended($1, 0)), to_regnamespace($2) IS NULL AS missing",
    [`spine.target:${schema}.${table.name}`, `"${schema}"`],
  );
  if (found?.missing) await query(`CREATE SCHEMA IF NOT EXISTS "${schema}"`);
}

async function columnsIn(query: Query, schema: string, name: string): Promise<readonly ColumnShape[]> {
  return await query<ColumnShape>(
    `SELECT attname AS name, format_type(atttypid, atttypmod) AS type, attnotnull AS "notNull"
FROM pg_attribute WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped ORDER BY attnum`,
    [`"${schema}"."${name}"`],
  );
}

async function createOrCompare(
  query: Query,
  schema: string,
  name: string,
  columns: readonly ColumnShape[],
): Promise<void> {
  const present = await columnsIn(query, schema, name);
  if (present.length > 0) {
    compare(name, present, columns);
    return;
  }
  const lines = columns.map(
    ({ name: column, type, notNull }) =>
      `  "${column}" ${type}${type === "text" ? ' COLLATE "C"' : ""}${notNull ? " NOT NULL" : ""}`,
  );
  await query(`CREATE TABLE "${schema}"."${name}" (\n${lines.join(",\n")}\n)`);
}

function compare(name: string, present: readonly ColumnShape[], wanted: readonly ColumnShape[]): void {
  const describe = ({ type, notNull }: ColumnShape) => `${type}${notNull ? " NOT NULL" : ""}`;
  const is = new Map(present.map((column) => [column.name, describe(column)]));
  const differences = wanted.flatMap((column) => {
    const should = describe(column);
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

async function createIndex(
  query: Query,
  schema: string,
  table: Table,
  on: string,
  suffix: string,
  columns: readonly string[],
  unique: boolean,
): Promise<void> {
  const index = indexName(on, suffix);
  const present = await query<{ name: string }>(
    `SELECT a.attname AS name FROM pg_index i
JOIN pg_attribute a ON a.attrelid = i.indexrelid
WHERE i.indexrelid = to_regclass($1) ORDER BY a.attnum`,
    [`"${schema}"."${index}"`],
  );
  if (present.length === 0) {
    const list = columns.map((name) => `"${name}"`).join(", ");
    await query(`CREATE ${unique ? "UNIQUE " : ""}INDEX "${index}" ON "${schema}"."${on}" (${list})`);
    return;
  }
  const names = present.map(({ name }) => name);
  if (names.join() === columns.join()) return;
  throw new SpineError(
    "CONFIG_INVALID",
    `The index "${index}" in the database is on (${names.join(", ")}), the definition of table "${table.name}" needs (${columns.join(", ")}). Drop the index, and it is made anew.`,
    { context: { table: table.name } },
  );
}

/** Postgres would cut a longer name by itself, and then not find it again. */
function indexName(on: string, suffix: string): string {
  return `${on.slice(0, 62 - suffix.length)}_${suffix}`;
}
