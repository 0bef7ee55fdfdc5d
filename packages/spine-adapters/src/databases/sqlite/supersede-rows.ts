import { type Partition, partitionValues, type Table } from "spine-core";
import { encoderOf, storedName } from "./column-codec.ts";
import type { SqliteConnection, SqlValue } from "./sqlite-connection.ts";

/** Rows that are moved before other work of the process gets its turn. */
const ROWS_PER_TURN = 5_000;

/**
 * Takes the rows of a partition, or all, out of a table, into its captures where it keeps them; returns how many.
 *
 * @param connection asked for before each batch, because the transaction may have ended in between.
 */
export async function supersedeRows(
  connection: () => SqliteConnection,
  table: Table,
  partition: Partition | null,
  at: string,
): Promise<number> {
  const { where, values } = partition ? partitionCondition(table, partition) : { where: "true", values: [] };
  const next = `SELECT rowid AS id FROM "${table.name}" WHERE ${where} LIMIT ${ROWS_PER_TURN}`;
  const these = "rowid IN (SELECT value FROM json_each(?))";
  const columns = Object.entries(table.columns).map(([name, column]) => `"${storedName(name, column)}"`);
  columns.push('"_spine_load_id"', '"_spine_loaded_at"');

  let moved = 0;
  for (;;) {
    const open = connection();
    const ids = open.all<{ id: number }>(next, ...values).map(({ id }) => id);
    if (ids.length === 0) return moved;
    const list = JSON.stringify(ids);
    if (table.captures !== null) {
      open.run(
        `INSERT INTO "${table.captures}" (${columns.join(", ")}, "_spine_superseded_at")
         SELECT ${columns.join(", ")}, ? FROM "${table.name}" WHERE ${these}`,
        at,
        list,
      );
    }
    open.run(`DELETE FROM "${table.name}" WHERE ${these}`, list);
    moved += ids.length;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** True, in SQL, for the rows of a partition, with the values of its parameters. */
export function partitionCondition(
  table: Table,
  partition: Partition,
): { readonly where: string; readonly values: readonly SqlValue[] } {
  const conditions = partitionValues(table, partition).map(({ name, column, value }) => {
    const stored = encoderOf(column)(value);
    // Rows of earlier versions have their times as they were given.
    const values = column.type === "timestamp" && stored !== value ? [stored, value as string] : [stored];
    return { sql: `"${storedName(name, column)}" IN (${values.map(() => "?").join(", ")})`, values };
  });
  return {
    where: conditions.map(({ sql }) => sql).join(" AND "),
    values: conditions.flatMap(({ values }) => values),
  };
}
