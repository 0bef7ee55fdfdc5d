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
import { kyselyIn } from "./postgres-dialect.ts";
import type { PostgresPools } from "./postgres-pools.ts";
import { dropStaging, moveStaged } from "./staging-table.ts";
import { supersedeRows } from "./supersede-rows.ts";
import type { TransactionLease } from "./transaction-lease.ts";

/** An open transaction of a Postgres database. */
export class PostgresTransaction implements DatabaseTransaction {
  readonly #pools: PostgresPools;
  readonly #lease: TransactionLease;
  #kysely: Kysely<AnySchema> | undefined;

  constructor(pools: PostgresPools, lease: TransactionLease) {
    this.#pools = pools;
    this.#lease = lease;
  }

  /** The lease of a transaction of these pools' database; an error for any other transaction. */
  static leaseOf(transaction: DatabaseTransaction, pools: PostgresPools): TransactionLease {
    if (transaction instanceof PostgresTransaction && transaction.#pools === pools) return transaction.#lease;
    throw new SpineError(
      "TRANSACTION_INVALID",
      "This transaction belongs to another database object. Commit in a transaction of the database that the history is in.",
    );
  }

  get kysely(): Kysely<AnySchema> {
    this.#kysely ??= kyselyIn(this.#lease, this.#pools);
    return this.#kysely;
  }

  async insertRows(table: Table, rows: AsyncIterable<RowBatch>, stamp: RowStamp): Promise<number> {
    return await insertRows({ lease: this.#lease, pools: this.#pools, table, stamp }, rows);
  }

  async supersede(table: Table, partition: Partition | null, at: string): Promise<number> {
    return await supersedeRows(this.#lease, this.#pools, table, partition, at);
  }

  async mergeRows(
    table: Table,
    rows: AsyncIterable<RowBatch>,
    stamp: RowStamp,
    merge: Merge,
  ): Promise<MergeCounts> {
    return await mergeRows({ lease: this.#lease, pools: this.#pools, table, stamp }, rows, merge);
  }

  async moveStaged(
    dataset: string,
    table: Table,
    stamp: RowStamp,
    merge: Merge | null,
  ): Promise<MergeCounts> {
    return await moveStaged({ lease: this.#lease, pools: this.#pools, table, stamp }, dataset, merge);
  }

  async dropStaged(dataset: string): Promise<void> {
    await this.#lease.client.query(dropStaging(this.#pools.settings.schema, dataset));
  }
}
