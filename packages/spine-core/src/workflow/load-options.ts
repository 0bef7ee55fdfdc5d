import { isByKey, type Merge } from "../data/merge.ts";
import type { Table } from "../data/table.ts";
import { SpineError } from "../errors.ts";
import type { Disposition } from "./step.ts";
import type { ABSENT, STRATEGIES } from "./step-options.ts";

/** How a load changes what is in its target already. */
export type LoadHow<Column extends string = string> =
  | {
      /**
       * `append` adds the rows. `replace` puts them in the place of all that is there, `replace-partition` in the place of one
       * partition.
       */
      readonly disposition: "append" | "replace" | "replace-partition";
    }
  | {
      /** Rows are found by columns: those that are there already give way, the others stay. */
      readonly disposition: "merge";
      /** The columns; the table's key when left out. */
      readonly by?: readonly Column[];
      /**
       * `delete-insert` (when left out): all rows that have a value of `by` in common with the input go, however many they are.
       * `upsert`: each row is written over the one of its key, which stays the same row to the database.
       */
      readonly strategy?: (typeof STRATEGIES)[number];
    }
  | {
      /** Rows of a key change only where they differ, and what was current before is kept in the table's captures. */
      readonly disposition: "scd2";
      /** What becomes of keys that the input has not: they are closed too (`close`, when left out), or kept. */
      readonly absent?: (typeof ABSENT)[number];
    };

interface AnyHow {
  readonly disposition: Disposition;
  readonly by?: readonly string[];
  readonly strategy?: (typeof STRATEGIES)[number];
  readonly absent?: (typeof ABSENT)[number];
  readonly partition?: unknown;
}

/** The merge that a load asks for, without its partition; null where it finds no rows by columns. @throws SpineError WORKFLOW_INVALID */
export function mergeOf(
  step: string,
  table: Table,
  { disposition, by, strategy, absent, partition }: AnyHow,
): Omit<Merge, "partition"> | null {
  const refuse = (why: string): never => {
    throw new SpineError("WORKFLOW_INVALID", `Step "${step}": ${why}`);
  };
  if (disposition !== "merge" && (by ?? strategy) !== undefined)
    refuse(`\`by\` and \`strategy\` are those of a "merge"; a load that does "${disposition}" has none.`);
  if (disposition !== "scd2" && absent !== undefined)
    refuse(`\`absent\` is that of "scd2"; a load that does "${disposition}" has none.`);
  if (disposition === "replace" && partition !== undefined)
    refuse('"replace" is about the whole table. For a partition of it there is "replace-partition".');
  if (disposition === "replace-partition" && table.partition.length === 0)
    refuse(`table "${table.name}" has no \`partition\` columns that could be replaced by.`);
  if (disposition !== "merge" && disposition !== "scd2") return null;
  const columns = by ?? table.key;
  const unknown = columns.find((column) => !Object.hasOwn(table.columns, column));
  if (unknown !== undefined) refuse(`table "${table.name}" has no column "${unknown}".`);
  const twice = columns.find((column, at) => columns.indexOf(column) !== at);
  if (twice !== undefined) refuse(`\`by\` names the column "${twice}" twice.`);
  if (columns.length === 0)
    refuse(`table "${table.name}" has no key that rows could be found by. Give it one, or the load \`by\`.`);
  if (disposition === "scd2") {
    if (table.captures === null)
      refuse(`"scd2" keeps what was current before, and table "${table.name}" has no \`captures\`.`);
    return { strategy: "scd2", by: columns, absent: absent ?? "close" };
  }
  if (strategy === "upsert") {
    if (!isByKey(columns, table))
      refuse('an upsert is by the table\'s key. Leave `by` out, or use "delete-insert".');
    const nullable = columns.find((name) => table.columns[name]?.nullable);
    if (nullable !== undefined)
      refuse(`an upsert finds no row by a null, and column "${nullable}" may be one. Use "delete-insert".`);
  }
  return { strategy: strategy ?? "delete-insert", by: columns, absent: "keep" };
}
