import {
  type DatabaseTransaction,
  type Partition,
  type PartitionQuery,
  type PartitionRecord,
  type PartitionState,
  type PartitionStore,
  partitionKey,
} from "spine-core";
import { overtaken, toSpineError } from "../../databases/postgres/postgres-error.ts";
import type { PostgresPools } from "../../databases/postgres/postgres-pools.ts";
import { PostgresTransaction } from "../../databases/postgres/postgres-transaction.ts";
import { STATE_VALUES } from "../../databases/postgres/value-parsers.ts";
import { type PartitionRow, type PartitionStateRow, readPartition, readPartitionState } from "../run-rows.ts";
import type { StateTables } from "../state-tables.ts";

const COLUMNS = "table_name, partition, run_id, load_id, hash, rows, loaded_at";

/** What is loaded, by partition, in a Postgres database. */
export class PostgresPartitionStore implements PartitionStore {
  readonly #pools: PostgresPools;
  readonly #list: string;
  readonly #get: string;
  readonly #doubt: string;
  readonly #remove: string;
  readonly #states: string;

  constructor({ pools, tables }: { readonly pools: PostgresPools; readonly tables: StateTables }) {
    this.#pools = pools;
    this.#list = `SELECT ${COLUMNS} FROM ${tables.partitions} WHERE table_name = $1 ORDER BY partition_key`;
    this.#get = `SELECT ${COLUMNS} FROM ${tables.partitions} WHERE table_name = $1 AND partition_key = $2`;
    this.#doubt = `UPDATE ${tables.partitions} SET hash = '' WHERE table_name = $1 AND hash <> ''`;
    this.#remove = `DELETE FROM ${tables.partitions} WHERE table_name = $1`;
    this.#states = statesSql(tables);
  }

  async get(
    table: string,
    partition: Partition,
    { transaction }: { readonly transaction?: DatabaseTransaction } = {},
  ): Promise<PartitionRecord | undefined> {
    const key = partitionKey(partition);
    if (transaction) return await this.#lock(transaction, table, key);
    const [row] = await this.#pools.ask<PartitionRow>("read", this.#get, [table, key]);
    return row && readPartition(row);
  }

  async changed(
    table: string,
    { transaction, gone = false }: { readonly transaction: DatabaseTransaction; readonly gone?: boolean },
  ): Promise<void> {
    const { client } = PostgresTransaction.leaseOf(transaction, this.#pools);
    try {
      await client.query({ text: gone ? this.#remove : this.#doubt, values: [table] });
    } catch (error) {
      throw toSpineError(error, this.#pools.settings.name);
    }
  }

  async list(table: string): Promise<readonly PartitionRecord[]> {
    return (await this.#pools.ask<PartitionRow>("read", this.#list, [table])).map(readPartition);
  }

  async states({ table, workflow, keys }: PartitionQuery): Promise<readonly PartitionState[]> {
    const values = [table, workflow, keys];
    return (await this.#pools.ask<PartitionStateRow>("read", this.#states, values)).map(readPartitionState);
  }

  /**
   * A row that is not there yet cannot be locked, so the lock is on its name. Whoever waited for it and then
   * finds the row changed since its transaction began is refused by the database, and does it again.
   */
  async #lock(
    transaction: DatabaseTransaction,
    table: string,
    key: string,
  ): Promise<PartitionRecord | undefined> {
    const { client } = PostgresTransaction.leaseOf(transaction, this.#pools);
    const { names, settings } = this.#pools;
    const ask = async (sql: string, values: readonly string[]) =>
      (
        await client.query({
          name: names.of(sql),
          text: sql,
          values: [...values],
          types: STATE_VALUES as never,
        })
      ).rows as readonly PartitionRow[];
    try {
      await ask("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", [
        `spine.partition:${settings.schema}/${table}/${key}`,
      ]);
      const [row] = await ask(`${this.#get} FOR UPDATE`, [table, key]);
      if (!row) await this.#refuseIfLoaded(table, key);
      return row && readPartition(row);
    } catch (error) {
      throw toSpineError(error, settings.name);
    }
  }

  /** Whoever was there first may have loaded it since the transaction began: what it sees has none of that, and would be loaded beside it. */
  async #refuseIfLoaded(table: string, key: string): Promise<void> {
    const [meanwhile] = await this.#pools.ask<PartitionRow>("read", this.#get, [table, key]);
    if (meanwhile) throw overtaken();
  }
}

/**
 * Of each partition its own row and the newest of its runs. (The limits keep the planner from joining whole tables: it thinks that a
 * list of keys is short.)
 */
export function statesSql(t: StateTables): string {
  return `SELECT k.position, p.*, r.run_id AS newest_run, r.status AS newest_status
FROM unnest($3::text[]) WITH ORDINALITY AS k (key, position)
LEFT JOIN LATERAL (
  SELECT ${COLUMNS} FROM ${t.partitions} WHERE table_name = $1 AND partition_key = k.key LIMIT 1) p ON true
LEFT JOIN LATERAL (
  SELECT run_id, status FROM ${t.workflow_runs} WHERE partition_key = k.key AND workflow_name = $2
  ORDER BY list_id DESC LIMIT 1) r ON true`;
}
