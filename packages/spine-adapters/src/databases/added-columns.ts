import { type Column, SpineError, type Table } from "spine-core";

/** A table with columns that its definition does not have. */
export function columnsBeyond(table: Table, columns: Readonly<Record<string, Column>>): Table {
  return Object.freeze({ ...table, columns: Object.freeze({ ...table.columns, ...columns }) });
}

/** The table has the column already, and it holds something else. */
export function otherColumn(table: string, column: string, needed: string, is: string): SpineError {
  return new SpineError(
    "LOAD_FAILED",
    `Table "${table}" has a column "${column}" of type ${is} beyond its definition, and the rows need ${needed}. Put it into the definition, and say in the transform what becomes of its values.`,
    { context: { table, column } },
  );
}
