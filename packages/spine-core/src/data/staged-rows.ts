import { SpineError } from "../errors.ts";
import type { DatasetRef } from "./dataset.ts";
import { type Column, type ColumnType, defineTable } from "./table.ts";

/** A dataset as a table of SQL, for as long as it is asked about. */
export interface StagedTable {
  readonly dataset: string | DatasetRef<object>;
  /**
   * The columns that it has, with their types; each may be null. Of `text` columns, what is no text becomes its JSON. When left
   * out, all columns of the dataset's schema as `text`.
   */
  readonly columns?: Readonly<Record<string, ColumnType>>;
}

/** Tables by the names that they are asked by. */
export type StagedTables = Readonly<Record<string, StagedTable>>;

/** A table that is to be made: `_spine_row` is the position of its rows, from 1. @internal */
export interface StagedPlan {
  readonly name: string;
  readonly dataset: string;
  readonly columns: readonly (readonly [name: string, column: Column])[];
}

const TABLE = /^[a-z][a-z0-9_]{0,62}$/;
/** The longest name of a column, in bytes: Postgres would cut it. */
const LONGEST_NAME = 63;

/** What is to be made of datasets. @throws SpineError CONFIG_INVALID */
export function stagedPlans(tables: StagedTables): readonly StagedPlan[] {
  const plans = Object.entries(tables).map(([name, { dataset, columns }]) => {
    if (!TABLE.test(name)) {
      throw refused(`"${name}" cannot name a table. Use lower-case letters, digits and _, at most 63.`);
    }
    const given = Object.entries(columns ?? textColumns(name, dataset));
    const id = typeof dataset === "string" ? dataset : dataset.dataset;
    return { name, dataset: id, columns: given.map(([column, type]) => columnOf(name, column, type)) };
  });
  if (plans.length > 0) return plans;
  throw refused("No dataset was named to be asked about.");
}

/** Columns have the names that rows have, whatever these are. */
function columnOf(table: string, name: string, type: ColumnType): readonly [string, Column] {
  const isName = name !== "" && !name.includes("\0") && Buffer.byteLength(name) <= LONGEST_NAME;
  if (!isName || name === "_spine_row") {
    throw refused(
      `"${name}" cannot name a column of "${table}". Leave it out, or use at most ${LONGEST_NAME} bytes.`,
    );
  }
  const { column } = defineTable({ name: table, columns: { column: `${type}?` }, key: [] }).columns;
  if (!column) throw refused(`The column "${name}" of "${table}" has no type.`);
  return [name, column];
}

function textColumns(
  name: string,
  dataset: string | DatasetRef<object>,
): Readonly<Record<string, ColumnType>> {
  const schema = typeof dataset === "string" ? undefined : dataset.schema;
  if (schema === undefined) throw refused(`The table "${name}" has no columns. Name them with their types.`);
  return Object.fromEntries(Object.keys(schema).map((column) => [column, "text" as const]));
}

function refused(why: string): SpineError {
  return new SpineError("CONFIG_INVALID", why);
}
