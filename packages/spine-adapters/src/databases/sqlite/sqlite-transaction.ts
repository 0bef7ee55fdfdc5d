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
import { mergeRows } from "./merge-rows.ts";
import type { SqliteConnection } from "./sqlite-connection.ts";
import { kyselyIn } from "./sqlite-dialect.ts";
import type { SqlitePool } from "./sqlite-pool.ts";
import { dropStaging, moveStaged } from "./staging-table.ts";
import { supersedeRows } from "./supersede-rows.ts";
import type { WriteLease } from "./write-lease.ts";

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
    return await insertRows({ connection: () => this.#lease.connection, table, stamp }, rows);
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
    return await mergeRows({ connection: () => this.#lease.connection, table, stamp }, rows, merge);
  }

  async moveStaged(
    dataset: string,
    table: Table,
    stamp: RowStamp,
    merge: Merge | null,
  ): Promise<MergeCounts> {
    return await moveStaged({ connection: () => this.#lease.connection, table, stamp }, dataset, merge);
  }

  dropStaged(dataset: string): Promise<void> {
    this.#lease.connection.script(dropStaging(dataset));
    return Promise.resolve();
  }
}
