import type { Kysely } from "kysely";
import type { Partition } from "../context.ts";
import type { Table } from "../data/table.ts";
import type { Row } from "../sources/source.ts";

/** Tables that are not known at compile time: the names and columns are data here. */
// biome-ignore lint/suspicious/noExplicitAny: Kysely's own type for a schema that the caller defines
export type AnySchema = any;

/** One open transaction: everything done through it commits together or not at all. */
export interface DatabaseTransaction {
  /** The query builder on this transaction's connection. */
  readonly kysely: Kysely<AnySchema>;
  /** Writes rows by the database's fastest way; returns how many. The columns are the table's. */
  insertRows(table: Table, rows: AsyncIterable<readonly Row[]>, stamp: RowStamp): Promise<number>;
  /**
   * Takes the current rows of a partition out of a table: into its captures where it keeps them, with `at`
   * (ISO time) as the time until which they were current. Returns how many.
   */
  supersede(table: Table, partition: Partition, at: string): Promise<number>;
}

/** What Spine adds to each loaded row. */
export interface RowStamp {
  readonly loadId: string;
  /** ISO time in UTC, the same for all rows of a load. */
  readonly loadedAt: string;
}
