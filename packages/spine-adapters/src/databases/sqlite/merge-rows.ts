import type { Merge, MergeCounts, RowBatch, RowStamp } from "spine-core";
import {
  allColumns,
  comes,
  goes,
  inputColumns,
  keyTaken,
  keyTwice,
  type MergeRelations,
  mergeColumns,
  relationsOf,
  sameKey,
  twice,
  wantsOnePerKey,
} from "../merge-statements.ts";
import { storedName } from "./column-codec.ts";
import { type InsertTarget, insertRows } from "./insert-rows.ts";
import type { SqlValue } from "./sqlite-connection.ts";
import { isUniqueViolation } from "./sqlite-error.ts";
import { partitionCondition } from "./supersede-rows.ts";

/** Rows that are looked at before other work of the process gets its turn. */
const ROWS_PER_TURN = 5_000;
/** Rows of a temporary table are numbered from 1. */
const SLICE = "s.rowid > ? AND s.rowid <= ?";

/** A table that rows are loaded into. */
export type LoadTarget = InsertTarget & { readonly stamp: RowStamp };

/** Brings rows and a table together: the rows go to a temporary table, and slice by slice into the one that they are for. */
export async function mergeRows(
  target: LoadTarget,
  batches: AsyncIterable<RowBatch>,
  merge: Merge,
): Promise<MergeCounts> {
  const { connection, table } = target;
  const staged = `temp."_spine_merge_${table.name}"`;
  connection().script(
    `CREATE TEMP TABLE ${staged.slice("temp.".length)} AS SELECT * FROM "${table.name}" WHERE 0`,
  );
  try {
    const rows = await insertRows({ ...target, into: staged }, batches);
    return await mergeStaged(target, { schema: "temp", name: `_spine_merge_${table.name}`, rows }, merge);
  } finally {
    connection().script(`DROP TABLE IF EXISTS ${staged}`);
  }
}

/** Rows that stand in a table already, numbered from 1 by their rowid. */
export interface StagedInput {
  readonly schema: "temp" | "main";
  readonly name: string;
  readonly rows: number;
  /** As in `MergeRelations`. */
  readonly stamp?: string;
}

/** The same with rows that are in the database. */
export async function mergeStaged(
  target: LoadTarget,
  { schema, name, rows, stamp }: StagedInput,
  merge: Merge,
): Promise<MergeCounts> {
  const { connection, table } = target;
  const staged = `${schema}."${name}"`;
  const within = merge.partition === null ? null : partitionCondition(table, merge.partition);
  const relations = relationsOf(table, merge, {
    staged,
    stamp,
    tableSql: (of) => `"${of}"`,
    stored: storedName,
    within: within?.where ?? null,
  });
  const by = relations.columns.filter(({ of }) => merge.by.includes(of)).map(({ name }) => name);
  connection().script(`CREATE INDEX ${schema}."${name}_key" ON "${name}" (${by.join(", ")})`);
  if (wantsOnePerKey(merge, table)) {
    const [found] = connection().query(twice(relations), []).rows;
    if (found) throw keyTwice(table.name, found);
  }
  const superseded =
    merge.strategy === "scd2"
      ? await takeChanged(target, relations, within?.values ?? [])
      : await takeSameKey(target, relations, rows);
  let inserted = 0;
  for (let from = 0; from < rows; from += ROWS_PER_TURN) {
    try {
      inserted += connection().run(comes(relations, SLICE), from, from + ROWS_PER_TURN);
    } catch (error) {
      throw isUniqueViolation(error) ? keyTaken(table.name, error) : error;
    }
    await turn();
  }
  return { inserted, superseded, kept: rows - inserted };
}

/** Adds rows that stand in a table of the database, in their order; how many. */
export async function appendStaged(
  { connection, table }: LoadTarget,
  { schema, name, rows, stamp }: StagedInput,
): Promise<number> {
  const columns = mergeColumns(table, storedName);
  const from = inputColumns({ columns, ...(stamp === undefined ? {} : { stamp }) });
  const insert = `INSERT INTO "${table.name}" (${allColumns({ columns })}) SELECT ${from} FROM ${schema}."${name}" s WHERE ${SLICE}`;
  let inserted = 0;
  for (let done = 0; done < rows; done += ROWS_PER_TURN) {
    try {
      inserted += connection().run(insert, done, done + ROWS_PER_TURN);
    } catch (error) {
      throw isUniqueViolation(error) ? keyTaken(table.name, error) : error;
    }
    await turn();
  }
  return inserted;
}

/** Takes out what has a key of the input, which the index of its key finds. */
async function takeSameKey(target: LoadTarget, relations: MergeRelations, rows: number): Promise<number> {
  const { staged, target: table } = relations;
  const those = `SELECT t.rowid AS id FROM ${staged} s JOIN ${table} t ON ${sameKey(relations)} WHERE ${SLICE}`;
  let taken = 0;
  for (let from = 0; from < rows; from += ROWS_PER_TURN) {
    const ids = target.connection().all<{ id: number }>(those, from, from + ROWS_PER_TURN);
    taken += take(target, relations, ids);
    await turn();
  }
  return taken;
}

/** Looks at each row of the table, because those that the input has not may have to go too. */
async function takeChanged(
  target: LoadTarget,
  relations: MergeRelations,
  within: readonly SqlValue[],
): Promise<number> {
  const { target: table, absent } = relations;
  const next = `SELECT max(rowid) AS last FROM (SELECT rowid FROM ${table} WHERE rowid > ? ORDER BY rowid LIMIT ${ROWS_PER_TURN})`;
  const those = `SELECT t.rowid AS id FROM ${table} t WHERE t.rowid > ? AND t.rowid <= ? AND ${goes(relations)}`;
  let taken = 0;
  for (let from = -1; ; ) {
    const [end] = target.connection().all<{ last: number | null }>(next, from);
    if (end?.last == null) return taken;
    const ids = target
      .connection()
      .all<{ id: number }>(those, from, end.last, ...(absent === "close" ? within : []));
    taken += take(target, relations, ids);
    from = end.last;
    await turn();
  }
}

function take(
  { connection, stamp }: LoadTarget,
  relations: MergeRelations,
  ids: readonly { readonly id: number }[],
): number {
  const { target, captures, strategy } = relations;
  const unique = [...new Set(ids.map(({ id }) => id))];
  const list = JSON.stringify(unique);
  const those = `FROM ${target} WHERE rowid IN (SELECT value FROM json_each(?))`;
  const columns = allColumns(relations);
  if (captures !== null) {
    const into = `INSERT INTO ${captures} (${columns}, "_spine_superseded_at") SELECT ${columns}, ?`;
    connection().run(`${into} ${those}`, stamp.loadedAt, list);
  }
  // An upsert writes over them.
  if (strategy !== "upsert") connection().run(`DELETE ${those}`, list);
  return unique.length;
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
