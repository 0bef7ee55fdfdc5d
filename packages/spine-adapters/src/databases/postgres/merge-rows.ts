import { isByKey, type Merge, type MergeCounts, type RowBatch, type RowStamp } from "spine-core";
import {
  allColumns,
  comes,
  goes,
  keyTaken,
  keyTwice,
  type MergeRelations,
  relationsOf,
  twice,
  wantsOnePerKey,
} from "../merge-statements.ts";
import { type CopyTarget, insertRows } from "./insert-rows.ts";
import { broughtSince, sqlState, toSpineError } from "./postgres-error.ts";
import { partitionCondition } from "./supersede-rows.ts";

/** A table that rows are loaded into. */
export type LoadTarget = CopyTarget & { readonly stamp: RowStamp };

/** Asks in the open transaction; what the server refuses is said in terms of the table. */
function queryOn(target: LoadTarget, merge: Merge) {
  return async (text: string, values: readonly unknown[] = []) => {
    try {
      return await target.lease.client.query({ text, values: [...values] });
    } catch (error) {
      throw refused(error, target, merge);
    }
  };
}

/** Brings rows and a table together: the rows go to a temporary table by COPY, and two statements do the rest. */
export async function mergeRows(
  target: LoadTarget,
  batches: AsyncIterable<RowBatch>,
  merge: Merge,
): Promise<MergeCounts> {
  const { pools, table } = target;
  const query = queryOn(target, merge);
  // Of one transaction there may be several.
  const staged = `pg_temp."_spine_merge_${table.name.slice(0, 40)}"`;
  await query(
    `CREATE TEMP TABLE ${staged.slice("pg_temp.".length)} (LIKE "${pools.settings.tableSchema}"."${table.name}") ON COMMIT DROP`,
  );
  const rows = await insertRows({ ...target, into: staged }, batches);
  const counts = await mergeStaged(target, { staged, rows }, merge);
  await query(`DROP TABLE ${staged}`);
  return counts;
}

/** Rows that stand in a relation already. */
export interface StagedInput {
  readonly staged: string;
  readonly rows: number;
  /** As in `MergeRelations`. */
  readonly stamp?: string;
}

/** The same with rows that are in the database. */
export async function mergeStaged(
  target: LoadTarget,
  { staged, rows, stamp }: StagedInput,
  merge: Merge,
): Promise<MergeCounts> {
  const { pools, table } = target;
  const query = queryOn(target, merge);
  await query(`ANALYZE ${staged}`);

  const within = merge.partition === null ? null : partitionCondition(table, merge.partition);
  const relations = relationsOf(table, merge, {
    staged,
    stamp,
    tableSql: (name) => `"${pools.settings.tableSchema}"."${name}"`,
    stored: (name) => name,
    within: within?.where ?? null,
  });
  if (wantsOnePerKey(merge, table)) {
    const { rows: found } = await query(twice(relations));
    if (found[0]) throw keyTwice(table.name, found[0]);
  }
  const values = merge.strategy === "scd2" && merge.absent === "close" ? (within?.values ?? []) : [];
  const superseded = await take(relations, [...values], target.stamp.loadedAt, query);
  const { rowCount } = await query(comes(relations));
  const inserted = rowCount ?? 0;
  return { inserted, superseded, kept: rows - inserted };
}

type Ask = (text: string, values?: readonly unknown[]) => Promise<{ readonly rowCount: number | null }>;

/** Takes the rows that are not current any more out of the table, into its captures where it keeps them. */
async function take(relations: MergeRelations, values: unknown[], at: string, query: Ask): Promise<number> {
  const { target, captures, strategy } = relations;
  const list = allColumns(relations);
  const those = `FROM ${target} t WHERE ${goes(relations)}`;
  const into = `INSERT INTO ${captures} (${list}, "_spine_superseded_at") SELECT ${list}, $${values.length + 1}`;
  const stays = strategy === "upsert";
  if (captures === null) {
    const gone = await query(stays ? `SELECT 1 ${those}` : `DELETE ${those}`, values);
    return gone.rowCount ?? 0;
  }
  const sql = stays
    ? `${into} ${those}`
    : `WITH gone AS (DELETE ${those} RETURNING ${list
        .split(", ")
        .map((column) => `t.${column}`)
        .join(", ")}) ${into} FROM gone`;
  return (await query(sql, [...values, at])).rowCount ?? 0;
}

function refused(error: unknown, { table, pools }: CopyTarget, merge: Merge): unknown {
  if (sqlState(error) !== "23505") return toSpineError(error, pools.settings.name);
  const taken = keyTaken(table.name, error);
  // Rows of its keys went first, or stay and are left out: what is in the way was not to be seen.
  return isByKey(merge.by, table) ? broughtSince(taken) : taken;
}
