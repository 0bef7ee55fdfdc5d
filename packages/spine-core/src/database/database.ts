import type { Kysely } from "kysely";
import type { Clock } from "../clock.ts";
import type { Partition } from "../context.ts";
import type { DatasetStore } from "../data/dataset.ts";
import type { Table } from "../data/table.ts";
import type { HistoryStore } from "../history/history-store.ts";
import type { PartitionStore } from "../history/partition-store.ts";
import type { Row } from "../sources/source.ts";

export const DIALECTS = ["sqlite", "postgres", "db2"] as const;
export type Dialect = (typeof DIALECTS)[number];

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

/** The stores that keep Spine's own state in a database. They share its transactions. */
export interface StateStores {
  readonly history: HistoryStore;
  readonly datasets: DatasetStore;
  readonly partitions: PartitionStore;
}

export interface StateOptions {
  readonly clock: Clock;
}

/**
 * A database that Spine can keep its state in and load into. Conformance suite: `testDatabase` in
 * `spine-core/testing`.
 */
export interface Database {
  readonly dialect: Dialect;
  /** The query builder outside of any transaction. */
  readonly kysely: Kysely<AnySchema>;
  /** Opens it and brings Spine's own tables up to date; returns the stores on it. Call once, before all else. */
  connect(options: StateOptions): Promise<StateStores>;
  /** Runs `work` in one transaction on one connection: committed when it resolves, rolled back when it throws. */
  transaction<T>(work: (transaction: DatabaseTransaction) => Promise<T>): Promise<T>;
  /** Creates a target table (and its captures table) where it is missing. */
  ensureTable(table: Table): Promise<void>;
  close(): Promise<void>;
}
