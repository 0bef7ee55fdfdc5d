import { type Partition, SpineError, type Table } from "spine-core";
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
  const given = Object.keys(partition);
  const isForeign = (name: string) => !table.partition.includes(name);
  if (given.length === 0 || given.length !== table.partition.length || given.some(isForeign)) {
    throw new SpineError(
      "CONFIG_INVALID",
      `The partition { ${given.join(", ")} } does not name the partition columns of table "${table.name}": ${table.partition.join(", ") || "it has none"}. Give the load its own \`partition\`, or the table its columns.`,
      { context: { table: table.name } },
    );
  }
  const conditions = table.partition.map((name, index) => {
    const column = table.columns[name];
    if (!column) throw new SpineError("CONFIG_INVALID", `Table "${table.name}" has no column "${name}".`);
    const text = partition[name] ?? "";
    const value =
      column.type === "integer" ? Number(text) : column.type === "boolean" ? text === "true" : text;
    return { sql: `"${name}" = $${index + 1}::${sqlType(column)}`, value: encoderOf(column)(value) };
  });
  return {
    where: conditions.map(({ sql }) => sql).join(" AND "),
    values: conditions.map(({ value }) => value),
  };
}
