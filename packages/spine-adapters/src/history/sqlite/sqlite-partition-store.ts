import {
  type DatabaseTransaction,
  type Partition,
  type PartitionQuery,
  type PartitionRecord,
  type PartitionState,
  type PartitionStore,
  partitionKey,
} from "spine-core";
import type { SqliteConnection } from "../../databases/sqlite/sqlite-connection.ts";
import type { SqlitePool } from "../../databases/sqlite/sqlite-pool.ts";
import { SqliteTransaction } from "../../databases/sqlite/sqlite-transaction.ts";
import { type PartitionRow, type PartitionStateRow, readPartition, readPartitionState } from "../run-rows.ts";
import type { StateTables } from "../state-tables.ts";

/** What is loaded, by partition, in a SQLite database. */
export class SqlitePartitionStore implements PartitionStore {
  readonly #pool: SqlitePool;
  readonly #list: string;
  readonly #get: string;
  readonly #doubt: string;
  readonly #remove: string;
  readonly #states: string;

  constructor({ pool, tables }: { readonly pool: SqlitePool; readonly tables: StateTables }) {
    this.#pool = pool;
    this.#list = `SELECT * FROM ${tables.partitions} WHERE table_name = ? ORDER BY partition_key`;
    this.#get = `SELECT * FROM ${tables.partitions} WHERE table_name = ? AND partition_key = ?`;
    this.#doubt = `UPDATE ${tables.partitions} SET hash = '' WHERE table_name = ? AND hash <> ''`;
    this.#remove = `DELETE FROM ${tables.partitions} WHERE table_name = ?`;
    this.#states = statesSql(tables);
  }

  async get(
    table: string,
    partition: Partition,
    options: { readonly transaction?: DatabaseTransaction } = {},
  ): Promise<PartitionRecord | undefined> {
    const find = (connection: SqliteConnection) =>
      connection.get<PartitionRow>(this.#get, table, partitionKey(partition));
    const { transaction } = options;
    // The transaction is the only writer: what it reads stays as it is until it ends.
    const row = transaction
      ? find(SqliteTransaction.connectionOf(transaction, this.#pool))
      : await this.#pool.read(find);
    return row && readPartition(row);
  }

  async changed(
    table: string,
    { transaction, gone = false }: { readonly transaction: DatabaseTransaction; readonly gone?: boolean },
  ): Promise<void> {
    const sql = gone ? this.#remove : this.#doubt;
    SqliteTransaction.connectionOf(transaction, this.#pool).run(sql, table);
  }

  async list(table: string): Promise<readonly PartitionRecord[]> {
    const rows = await this.#pool.read((connection) => connection.all<PartitionRow>(this.#list, table));
    return rows.map(readPartition);
  }

  async states({ table, workflow, keys }: PartitionQuery): Promise<readonly PartitionState[]> {
    const values = [table, workflow, JSON.stringify(keys)];
    const rows = await this.#pool.read((connection) =>
      connection.all<PartitionStateRow>(this.#states, ...values),
    );
    return rows.map(readPartitionState);
  }
}

/** Of each partition its own row and the newest of its runs. */
export function statesSql(t: StateTables): string {
  return `SELECT k.key AS position, p.*, r.run_id AS newest_run, r.status AS newest_status
FROM json_each(?3) AS k
LEFT JOIN ${t.partitions} p ON p.table_name = ?1 AND p.partition_key = k.value
LEFT JOIN ${t.workflow_runs} r ON r.run_id = (
  SELECT n.run_id FROM ${t.workflow_runs} n WHERE n.partition_key = k.value AND n.workflow_name = ?2
  ORDER BY n.run_id DESC LIMIT 1)
ORDER BY k.key`;
}
