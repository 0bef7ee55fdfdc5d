import type { Merge, MergeCounts, Table } from "spine-core";
import { stampValues } from "../merge-statements.ts";
import { stagingMissing, stagingName } from "../staging-name.ts";
import { storedName } from "./column-codec.ts";
import { appendStaged, type LoadTarget, mergeStaged } from "./merge-rows.ts";

/** Creates the staging table of a dataset: its rows are numbered from 1 by their rowid. */
export function createStaging(dataset: string, table: Table): string {
  const columns = Object.entries(table.columns).map(([name, column]) => {
    const type = NUMERIC.has(column.type) ? "INTEGER" : "TEXT";
    return `"${storedName(name, column)}" ${type}${column.nullable ? "" : " NOT NULL"}`;
  });
  return `CREATE TABLE "${stagingName(dataset)}" (${columns.join(", ")}) STRICT`;
}

const NUMERIC: ReadonlySet<string> = new Set(["integer", "boolean", "decimal"]);

export function dropStaging(dataset: string): string {
  return `DROP TABLE IF EXISTS main."${stagingName(dataset)}"`;
}

/** Moves what is staged into its table, in the open transaction, and drops the staging table. */
export async function moveStaged(
  target: LoadTarget,
  dataset: string,
  merge: Merge | null,
): Promise<MergeCounts> {
  const name = stagingName(dataset);
  const rows = countStaged(target, dataset);
  const input = { schema: "main", name, rows, stamp: stampValues(target.stamp) } as const;
  const counts = merge
    ? await mergeStaged(target, input, merge)
    : { inserted: await appendStaged(target, input), superseded: 0, kept: 0 };
  target.connection().script(dropStaging(dataset));
  return counts;
}

function countStaged({ connection }: LoadTarget, dataset: string): number {
  const name = stagingName(dataset);
  try {
    return connection().get<{ n: number }>(`SELECT count(*) AS n FROM main."${name}"`)?.n ?? 0;
  } catch (error) {
    throw String(error).includes(`no such table: main.${name}`) ? stagingMissing(dataset, error) : error;
  }
}
