import type { Kysely } from "kysely";
import {
  type AnySchema,
  type DatabaseTransaction,
  type Merge,
  type MergeCounts,
  type Partition,
  type RowBatch,
  type RowStamp,
  SpineError,
  type Table,
} from "spine-core";
import { insertRows } from "./insert-rows.ts";
import { type LoadTarget, mergeRows } from "./merge-rows.ts";
import type { SqliteConnection } from "./sqlite-connection.ts";
import { kyselyIn } from "./sqlite-dialect.ts";
import type { SqlitePool } from "./sqlite-pool.ts";
import { dropStaging, moveStaged } from "./staging-table.ts";
import { supersedeRows } from "./supersede-rows.ts";
import type { WriteLease } from "./write-lease.ts";

/**
 * What a load keeps of the file, in KiB: rows go into the index of the key all over, and with SQLite's own 2 MiB each page of it
 * would be written and read again and again.
 */
const LOAD_CACHE_KIB = 32 * 1_024;
const CACHE_KIB = 2 * 1_024;

/** An open transaction of a SQLite database. */
export class SqliteTransaction implements DatabaseTransaction {
  readonly #pool: SqlitePool;
  readonly #lease: WriteLease;
  #kysely: Kysely<AnySchema> | undefined;

  constructor(pool: SqlitePool, lease: WriteLease) {
    this.#pool = pool;
    this.#lease = lease;
  }

  /** The connection inside a transaction of this pool's database; an error for any other transaction. */
  static connectionOf(transaction: DatabaseTransaction, pool: SqlitePool): SqliteConnection {
    if (transaction instanceof SqliteTransaction && transaction.#pool === pool) {
      return transaction.#lease.connection;
    }
    throw new SpineError(
      "TRANSACTION_INVALID",
      "This transaction belongs to another database object. Commit in a transaction of the database that the history is in.",
    );
  }

  get kysely(): Kysely<AnySchema> {
    this.#kysely ??= kyselyIn(this.#lease, this.#pool.path);
    return this.#kysely;
  }

  async insertRows(table: Table, rows: AsyncIterable<RowBatch>, stamp: RowStamp): Promise<number> {
    return await this.#load(table, stamp, (target) => insertRows(target, rows));
  }

  async supersede(table: Table, partition: Partition | null, at: string): Promise<number> {
    return await supersedeRows(() => this.#lease.connection, table, partition, at);
  }

  async mergeRows(
    table: Table,
    rows: AsyncIterable<RowBatch>,
    stamp: RowStamp,
    merge: Merge,
  ): Promise<MergeCounts> {
    return await this.#load(table, stamp, (target) => mergeRows(target, rows, merge));
  }

  async moveStaged(
    dataset: string,
    table: Table,
    stamp: RowStamp,
    merge: Merge | null,
  ): Promise<MergeCounts> {
    return await this.#load(table, stamp, (target) => moveStaged(target, dataset, merge));
  }

  dropStaged(dataset: string): Promise<void> {
    this.#lease.connection.script(dropStaging(dataset));
    return Promise.resolve();
  }

  async #load<T>(table: Table, stamp: RowStamp, work: (target: LoadTarget) => Promise<T>): Promise<T> {
    const writer = this.#lease.connection;
    writer.keepPages(LOAD_CACHE_KIB);
    try {
      return await work({ connection: () => this.#lease.connection, table, stamp });
    } finally {
      writer.keepPages(CACHE_KIB);
    }
  }
}
