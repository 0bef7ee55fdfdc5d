import type { Kysely } from "kysely";
import type { AlertStore } from "../alerts/alert-store.ts";
import type { NotificationStore } from "../alerts/notification-store.ts";
import type { Clock } from "../clock.ts";
import type { DatasetStore } from "../data/dataset.ts";
import type { RejectStore } from "../data/reject-store.ts";
import type { Column, Table } from "../data/table.ts";
import type { CursorStore } from "../history/cursor-store.ts";
import type { Hints } from "../history/hints.ts";
import type { HistoryStore } from "../history/history-store.ts";
import type { LineageStore } from "../history/lineage-store.ts";
import type { ManifestStore } from "../history/manifest-store.ts";
import type { PartitionStore } from "../history/partition-store.ts";
import type { QualityStore } from "../history/quality-store.ts";
import type { QueueStore } from "../history/queue-store.ts";
import type { RunLogs } from "../history/run-logs.ts";
import type { RunStatistics } from "../history/run-statistics.ts";
import type { ScheduleStore } from "../scheduler/schedule-store.ts";
import type { RateBudgets } from "../sources/rate-budgets.ts";
import type { DatabaseReader, ReaderOptions } from "./database-reader.ts";
import type { AnySchema, DatabaseTransaction } from "./database-transaction.ts";
import type { Check } from "./diagnosis.ts";

export const DIALECTS = ["sqlite", "postgres", "db2"] as const;
export type Dialect = (typeof DIALECTS)[number];

/** The stores that keep Spine's own state in a database. They share its transactions. */
export interface StateStores {
  readonly history: HistoryStore;
  readonly datasets: DatasetStore;
  readonly partitions: PartitionStore;
  readonly rejects: RejectStore;
  readonly cursors: CursorStore;
  readonly logs: RunLogs;
  readonly statistics: RunStatistics;
  readonly hints: Hints;
  readonly queues: QueueStore;
  readonly budgets: RateBudgets;
  readonly quality: QualityStore;
  readonly alerts: AlertStore;
  readonly notifications: NotificationStore;
  readonly lineage: LineageStore;
  readonly manifest: ManifestStore;
  readonly schedules: ScheduleStore;
}

export interface StateOptions {
  readonly clock: Clock;
  /** True where this process is about to work: what that needs may be opened along with the rest. */
  readonly worker?: boolean;
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
  /**
   * Runs `work` in one transaction on one connection: committed when it resolves, rolled back when it throws.
   *
   * Called inside of `work` it is refused (TRANSACTION_INVALID): it would be another transaction, which waits for this one
   * or does not see it. Let the error of a statement through: after one, Postgres goes on with nothing and undoes all
   * (TRANSACTION_INVALID), while on SQLite only that statement is undone. On Postgres `work` is done again when
   * somebody else changed what it read, so what it does elsewhere has to bear that.
   */
  transaction<T>(work: (transaction: DatabaseTransaction) => Promise<T>): Promise<T>;
  /** Opens a connection that only reads, beside all others, for `databaseSource`; left out where there is none. */
  openReader?(options: ReaderOptions): Promise<DatabaseReader>;
  /** Creates a target table (and its captures table) where it is missing. */
  ensureTable(table: Table): Promise<void>;
  /**
   * Adds columns to a table that is there (and to its captures) where it does not have them: nullable ones. Returns the table with
   * them. @throws SpineError LOAD_FAILED where it has one of another type.
   */
  addColumns(table: Table, columns: Readonly<Record<string, Column>>): Promise<Table>;
  /** Looks at what can be wrong with the database and with what Spine has in it. What it finds is no exception. */
  diagnose(): Promise<readonly Check[]>;
  close(): Promise<void>;
}
