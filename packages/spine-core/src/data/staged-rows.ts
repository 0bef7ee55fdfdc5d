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

/** What is to be made of datasets. @throws SpineError CONFIG_INVALID */
export function stagedPlans(tables: StagedTables): readonly StagedPlan[] {
  const plans = Object.entries(tables).map(([name, { dataset, columns }]) => {
    const id = typeof dataset === "string" ? dataset : dataset.dataset;
    const given = columns ?? textColumns(name, dataset);
    // The names are checked as those of a table are.
    const nullable = Object.fromEntries(
      Object.entries(given).map(([column, type]) => [column, `${type}?` as const]),
    );
    const table = defineTable({ name, columns: nullable, key: [] });
    return { name, dataset: id, columns: Object.entries(table.columns) };
  });
  if (plans.length > 0) return plans;
  throw new SpineError("CONFIG_INVALID", "No dataset was named to be asked about.");
}

function textColumns(
  name: string,
  dataset: string | DatasetRef<object>,
): Readonly<Record<string, ColumnType>> {
  const schema = typeof dataset === "string" ? undefined : dataset.schema;
  if (schema === undefined) {
    throw new SpineError("CONFIG_INVALID", `The table "${name}" has no columns. Name them with their types.`);
  }
  return Object.fromEntries(Object.keys(schema).map((column) => [column, "text" as const]));
}
