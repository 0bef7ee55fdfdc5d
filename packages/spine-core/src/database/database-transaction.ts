import type { Kysely } from "kysely";
import type { Partition } from "../context.ts";
import type { RowBatch } from "../data/column-block.ts";
import type { Merge, MergeCounts } from "../data/merge.ts";
import type { Table } from "../data/table.ts";

/** Tables that are not known at compile time: the names and columns are data here. */
// biome-ignore lint/suspicious/noExplicitAny: Kysely's own type for a schema that the caller defines
export type AnySchema = any;

/** One open transaction: everything done through it commits together or not at all. */
export interface DatabaseTransaction {
  /** The query builder on this transaction's connection. */
  readonly kysely: Kysely<AnySchema>;
  /** Writes rows by the database's fastest way; returns how many. The columns are the table's. */
  insertRows(table: Table, rows: AsyncIterable<RowBatch>, stamp: RowStamp): Promise<number>;
  /**
   * Takes the current rows of a partition (of the whole table when null) out of a table: into its captures where it keeps
   * them, with `at` (ISO time) as the time until which they were current. Returns how many.
   */
  supersede(table: Table, partition: Partition | null, at: string): Promise<number>;
  /** Brings rows and what is there already together, by their keys. @throws SpineError LOAD_FAILED when two of the rows have one key. */
  mergeRows(table: Table, rows: AsyncIterable<RowBatch>, stamp: RowStamp, merge: Merge): Promise<MergeCounts>;
  /**
   * Moves the rows of a staged dataset into the table that they are on their way to, and drops the staging table. They are
   * added, or with `merge` brought together with what is there. @throws SpineError LOAD_FAILED as `insertRows` and `mergeRows` do.
   */
  moveStaged(dataset: string, table: Table, stamp: RowStamp, merge: Merge | null): Promise<MergeCounts>;
  /** Drops the staging table of a dataset, where there is one. */
  dropStaged(dataset: string): Promise<void>;
}

/** What Spine adds to each loaded row. */
export interface RowStamp {
  readonly loadId: string;
  /** ISO time in UTC, the same for all rows of a load. */
  readonly loadedAt: string;
}
