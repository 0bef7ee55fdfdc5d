import { type Partition, partitionValues, type Table } from "spine-core";
import { encoderOf, sqlType } from "./column-codec.ts";
import { toSpineError } from "./postgres-error.ts";
import type { PostgresPools } from "./postgres-pools.ts";
import type { TransactionLease } from "./transaction-lease.ts";

/** Takes the rows of a partition, or all, out of a table, into its captures where it keeps them; returns how many. */
export async function supersedeRows(
  lease: TransactionLease,
  pools: PostgresPools,
  table: Table,
  partition: Partition | null,
  at: string,
): Promise<number> {
  const { where, values } = partition ? partitionCondition(table, partition) : { where: "true", values: [] };
  const { tableSchema, name: database } = pools.settings;
  const schema = `"${tableSchema}"`;
  const remove = `DELETE FROM ${schema}."${table.name}" WHERE ${where}`;
  const columns = [...Object.keys(table.columns), "_spine_load_id", "_spine_loaded_at"];
  const list = columns.map((name) => `"${name}"`).join(", ");
  const sql =
    table.captures === null
      ? remove
      : `WITH gone AS (${remove} RETURNING ${list})
INSERT INTO ${schema}."${table.captures}" (${list}, "_spine_superseded_at")
SELECT ${list}, $${values.length + 1} FROM gone`;
  try {
    const parameters = table.captures === null ? values : [...values, at];
    const result = await lease.client.query({
      name: pools.names.of(sql),
      text: sql,
      values: [...parameters],
    });
    return result.rowCount ?? 0;
  } catch (error) {
    throw toSpineError(error, database);
  }
}

/** True, in SQL, for the rows of a partition, with the values of its parameters. */
export function partitionCondition(
  table: Table,
  partition: Partition,
): { readonly where: string; readonly values: readonly (string | null)[] } {
  const conditions = partitionValues(table, partition).map(({ name, column, value }, index) => ({
    sql: `"${name}" = $${index + 1}::${sqlType(column)}`,
    value: encoderOf(column)(value),
  }));
  return {
    where: conditions.map(({ sql }) => sql).join(" AND "),
    values: conditions.map(({ value }) => value),
  };
}
