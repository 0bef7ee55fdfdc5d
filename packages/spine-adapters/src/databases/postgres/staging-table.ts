import type { Merge, MergeCounts, Table } from "spine-core";
import { keyColumns } from "../key-order.ts";
import { allColumns, inputColumns, keyTaken, mergeColumns, stampValues } from "../merge-statements.ts";
import { stagingMissing, stagingName } from "../staging-name.ts";
import { sqlType } from "./column-codec.ts";
import { type LoadTarget, mergeStaged } from "./merge-rows.ts";
import { sqlState, toSpineError } from "./postgres-error.ts";

/** A staging table as SQL. It stands in Spine's own schema. */
export function stagingTable(schema: string, dataset: string): string {
  return `"${schema}"."${stagingName(dataset)}"`;
}

/** Creates the staging table of a dataset, logged as any other table: what is committed to it survives a crash of the server. */
export function createStaging(schema: string, dataset: string, table: Table): string {
  const columns = Object.entries(table.columns).map(
    ([name, column]) =>
      `"${name}" ${sqlType(column)}${column.type === "text" ? ' COLLATE "C"' : ""}${column.nullable ? "" : " NOT NULL"}`,
  );
  return `CREATE TABLE ${stagingTable(schema, dataset)} (${columns.join(", ")}, _spine_row bigint GENERATED ALWAYS AS IDENTITY)`;
}

export function dropStaging(schema: string, dataset: string): string {
  return `DROP TABLE IF EXISTS ${stagingTable(schema, dataset)}`;
}

/** Moves what is staged into its table, in the open transaction, and drops the staging table. */
export async function moveStaged(
  target: LoadTarget,
  dataset: string,
  merge: Merge | null,
): Promise<MergeCounts> {
  const { lease, pools, table, stamp } = target;
  const { schema, tableSchema, name: database } = pools.settings;
  const staged = stagingTable(schema, dataset);
  const ask = async (sql: string) => {
    try {
      return await lease.client.query<Record<string, unknown>>(sql);
    } catch (error) {
      if (isMissing(error, dataset)) throw stagingMissing(dataset, error);
      throw sqlState(error) === "23505" ? keyTaken(table.name, error) : toSpineError(error, database);
    }
  };
  let counts: MergeCounts;
  if (merge) {
    const { rows } = await ask(`SELECT count(*)::int4 AS n FROM ${staged}`);
    const input = { staged, rows: Number(rows[0]?.n), stamp: stampValues(stamp) };
    counts = await mergeStaged(target, input, merge);
  } else {
    const columns = mergeColumns(table, (of) => of);
    const from = inputColumns({ columns, stamp: stampValues(stamp) });
    // In the order of the key, because that is the least work for its index.
    const order = [...keyColumns(table).map((name) => `"${name}"`), "_spine_row"].join(", ");
    const { rowCount } = await ask(
      `INSERT INTO "${tableSchema}"."${table.name}" (${allColumns({ columns })}) SELECT ${from} FROM ${staged} ORDER BY ${order}`,
    );
    counts = { inserted: rowCount ?? 0, superseded: 0, kept: 0 };
  }
  await ask(dropStaging(schema, dataset));
  return counts;
}

function isMissing(error: unknown, dataset: string): boolean {
  return sqlState(error) === "42P01" && String((error as Error).message).includes(stagingName(dataset));
}
