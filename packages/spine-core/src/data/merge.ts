import type { Partition } from "../context.ts";
import type { Table } from "./table.ts";

/** How rows that are there already are found and changed by a load that does not replace a whole partition. */
export interface Merge {
  /**
   * `delete-insert`: the rows that have a value of `by` in common with the input go, and the input comes. `upsert`: each row of the
   * input takes the place of the one with its key. `scd2`: of each key only what is different changes, and what was current before
   * is a capture.
   */
  readonly strategy: "delete-insert" | "upsert" | "scd2";
  /** The columns by which rows are found. */
  readonly by: readonly string[];
  /** Of `scd2`: what becomes of keys that the input has not. */
  readonly absent: "close" | "keep";
  /** Only the rows of this partition can be closed; those of the whole table when null. */
  readonly partition: Partition | null;
}

/** What a merge changed. */
export interface MergeCounts {
  readonly inserted: number;
  /** Rows that were the current ones before and are not any more. */
  readonly superseded: number;
  /** Rows of the input that were there already, the same in all columns; left as they are. */
  readonly kept: number;
}

/** True where the columns by which rows are found are the table's key, in any order: then a key stands for one row. */
export function isByKey(by: readonly string[], { key }: Pick<Table, "key">): boolean {
  return by.length === key.length && by.every((name) => key.includes(name));
}
