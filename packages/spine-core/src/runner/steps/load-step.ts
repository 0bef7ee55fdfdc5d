import { hash } from "node:crypto";
import type { Partition } from "../../context.ts";
import { batchesOf, type RowBatch, sizeOf } from "../../data/column-block.ts";
import type { DatasetRef, Redriven } from "../../data/dataset.ts";
import type { Merge, MergeCounts } from "../../data/merge.ts";
import { type InPartition, inPartition } from "../../data/partition-values.ts";
import type { Table } from "../../data/table.ts";
import type { DatabaseTransaction, RowStamp } from "../../database/database-transaction.ts";
import { SpineError } from "../../errors.ts";
import type { Attachment } from "../../history/attachment.ts";
import { checkPartition } from "../../history/check-partition.ts";
import type { PartitionRecord } from "../../history/partition-store.ts";
import { newId } from "../../ids.ts";
import type { LoadResult } from "../../workflow/load-result.ts";
import type { LoadStep } from "../../workflow/step.ts";
import { datasetOf, type StepOutcome, type StepScope, type TransactionalOutcome } from "../step-scope.ts";
import { loadElsewhere } from "./load-elsewhere.ts";
import { withNewColumns } from "./new-columns.ts";

/**
 * Writes a dataset into its table in the transaction that records the step: after a crash either both are
 * there or neither is. A partition that holds the very same content already is left as it is.
 */
export async function runLoad(step: LoadStep, scope: StepScope): Promise<StepOutcome | TransactionalOutcome> {
  const { context, database, partitions } = scope;
  const input = datasetOf(context, step.from);
  const partition = checkPartition(step.partition?.(context) ?? null, `of step "${step.name}"`);
  if (step.database != null) {
    const { redriven } = input;
    if (redriven) await database.transaction((transaction) => checkTaken(scope, transaction, redriven));
    return await runElsewhere(step, scope, { input, partition });
  }
  await database.ensureTable(step.into);
  const into = await withNewColumns(step, input, database);

  return {
    write: async (transaction) => {
      if (input.redriven) await checkTaken(scope, transaction, input.redriven);
      const current = partition
        ? await partitions.get(step.into.name, partition, { transaction })
        : undefined;
      if (isSame({ ...step, into }, input, current)) return unchanged(step, input, current.loadId);
      const bring = bringRows(scope, input, transaction, inPartition(into, partition));
      return await load(step, scope, transaction, { input, partition, current, bring, into });
    },
  };
}

/** The same where the table is in a database of its own: it changes first, and what is recorded follows. */
async function runElsewhere(
  step: LoadStep,
  scope: StepScope,
  { input, partition }: Pick<Loading, "input" | "partition">,
): Promise<TransactionalOutcome> {
  const isOf = inPartition(step.into, partition);
  const elsewhere = await loadElsewhere(step, scope, input, async (into, transaction, stamp) => {
    const how = { ...howOf(step, input), into };
    return await write(how, transaction, bringRows(scope, input, transaction, isOf), { stamp, partition });
  });
  return {
    write: async (transaction) => {
      const table = tableOf(step);
      const current = partition ? await scope.partitions.get(table, partition, { transaction }) : undefined;
      await tellOthers(step, scope, transaction, { input, partition, ...elsewhere });
      return loaded(step, scope, { input, partition, current }, elsewhere);
    },
  };
}

function bringRows(
  scope: StepScope,
  input: DatasetRef,
  transaction: DatabaseTransaction,
  isOf: InPartition,
): Bring {
  const rows = batches(scope, input, isOf);
  return async (table, stamp, merge) =>
    merge
      ? await transaction.mergeRows(table, rows, stamp, merge)
      : { inserted: await transaction.insertRows(table, rows, stamp), superseded: 0, kept: 0 };
}

/**
 * A run that failed leaves its rejects to others, and may be retried after another run has loaded them: whose they are is asked in
 * the transaction that loads them.
 */
export async function checkTaken(
  { context, rejects }: StepScope,
  transaction: DatabaseTransaction,
  { run, step, rows }: Redriven,
): Promise<void> {
  if ((await rejects.taken(context.runId, transaction)) === rows) return;
  throw new SpineError(
    "RUN_CONFLICT",
    `Rows that step "${step}" of run ${run} refused are not (or no more) this run's to load: another run drives them again, or they were put aside. Nothing was loaded. Drive those again that are OPEN: \`spine.rejects.redrive\`.`,
    { context: { runId: context.runId } },
  );
}

/** A step that changes a table. */
export type Loads = Pick<LoadStep, "name" | "into" | "merge" | "disposition" | "partition" | "database">;

/** Brings the rows of a load into its table, in its transaction: added, or with `merge` together with what is there. */
export type Bring = (table: Table, stamp: RowStamp, merge: Merge | null) => Promise<MergeCounts>;

/** A table that has changed: with which stamp, and how. */
export interface Loaded {
  readonly stamp: RowStamp;
  readonly changes: MergeCounts;
  /** As it is now, with columns that were added to it. */
  readonly into: Table;
}

interface Loading {
  readonly input: DatasetRef;
  readonly partition: Partition | null;
  /** What is known of the partition's content; undefined where nothing is. */
  readonly current: PartitionRecord | undefined;
  readonly bring: Bring;
  /** The table as it is, where that is more than its definition. */
  readonly into?: Table;
}

/** Changes a table, in the transaction at hand, and says what is to be recorded of it. */
export async function load(
  step: Loads,
  scope: StepScope,
  transaction: DatabaseTransaction,
  { input, partition, current, bring, into = step.into }: Loading,
): Promise<StepOutcome> {
  const how = { ...howOf(step, input), into };
  const stamp: RowStamp = { loadId: newId(), loadedAt: new Date(scope.clock.now()).toISOString() };
  const changes = await write(how, transaction, bring, { stamp, partition });
  await tellOthers(step, scope, transaction, { input, partition, changes });
  return loaded(step, scope, { input, partition, current }, { stamp, changes, into });
}

/** What is known of partitions that a load does not name, and may have changed. */
async function tellOthers(
  step: Loads,
  { partitions }: StepScope,
  transaction: DatabaseTransaction,
  { input, partition, changes }: Pick<Loading, "input" | "partition"> & Pick<Loaded, "changes">,
): Promise<void> {
  const { disposition, merge } = howOf(step, input);
  const columns = step.into.partition;
  // Rows that are found by less than the partition's columns may have been those of any.
  const isWide = merge !== null && changes.superseded > 0 && columns.some((name) => !merge.by.includes(name));
  if (partition === null ? columns.length > 0 : isWide)
    await partitions.changed(tableOf(step), { transaction, gone: disposition === "replace" });
}

/** A table of another database is another table. */
function tableOf({ database, into }: Loads): string {
  return database == null ? into.name : `${database}.${into.name}`;
}

/** True where the load would leave its partition as it is. What is appended comes to what is there, the same or not. */
export function isSame(
  { disposition, into }: Loads,
  input: DatasetRef,
  current: PartitionRecord | undefined,
): current is PartitionRecord {
  return disposition !== "append" && !input.redriven && current?.hash === contentOf(input, into);
}

/** The hash of what is loaded: that of the dataset, and of the fields that the table has no column for, where there are some. */
function contentOf({ hash: whole, schema = {} }: DatasetRef, { columns }: Table): string {
  const left = Object.keys(schema).filter((name) => !Object.hasOwn(columns, name));
  return left.length === 0 ? whole : hash("sha256", `${whole}-${JSON.stringify(left.sort())}`);
}

/** What is recorded of a load. */
function loaded(
  step: Loads,
  scope: StepScope,
  { input, partition, current }: Pick<Loading, "input" | "partition" | "current">,
  { stamp, changes: { inserted, superseded, kept }, into }: Loaded,
): StepOutcome {
  const { database } = step;
  const how = howOf(step, input);
  const isElsewhere = database != null;
  const table = tableOf(step);
  const added = Object.keys(into.columns).filter((name) => !Object.hasOwn(step.into.columns, name));
  const output: LoadResult = {
    loadId: stamp.loadId,
    table,
    inserted,
    superseded,
    ...(step.merge ? { kept } : {}),
    unchanged: false,
    ...(isElsewhere ? { database } : {}),
    ...(added.length > 0 ? { newColumns: added } : {}),
  };
  const attachments: Attachment[] = [
    {
      kind: "load",
      loadId: stamp.loadId,
      step: scope.context.step,
      table,
      partition,
      disposition: how.disposition,
      dataset: input.dataset,
      hash: input.hash,
      inserted,
      superseded,
    },
  ];
  if (partition) {
    // What is there afterwards is the input where that took the place of all; otherwise what was there has a part in it.
    const isAll = how.disposition === "replace-partition" || how.merge?.absent === "close";
    const content = contentOf(input, into);
    attachments.push({
      kind: "partition",
      table,
      partition,
      loadId: stamp.loadId,
      hash: isAll ? content : together(current, content),
      rows: isAll ? inserted + kept : Math.max(0, (current?.rows ?? 0) + inserted - superseded),
    });
  }
  return { output, rows: { in: input.rows, out: inserted + kept, rejected: 0 }, attachments };
}

type How = Pick<LoadStep, "into" | "merge" | "disposition">;

/** How a load changes its table. Rows that are driven again are no more than a slice: they come to what is there. */
function howOf(step: Loads, input: DatasetRef): How {
  return input.redriven ? adding(step) : step;
}

function adding({ into, merge, disposition }: Loads): How {
  if (merge) return { into, disposition, merge: { ...merge, absent: "keep" } };
  return { into, disposition: "append", merge };
}

async function write(
  { into: table, merge, disposition }: How,
  transaction: DatabaseTransaction,
  bring: Bring,
  { stamp, partition }: { readonly stamp: RowStamp; readonly partition: Partition | null },
): Promise<MergeCounts> {
  if (merge) return await bring(table, stamp, { ...merge, partition });
  const replaces = disposition !== "append";
  const superseded = replaces ? await transaction.supersede(table, partition, stamp.loadedAt) : 0;
  return { ...(await bring(table, stamp, null)), superseded };
}

async function* batches(scope: StepScope, input: DatasetRef, isOf: InPartition): AsyncIterable<RowBatch> {
  const { signal } = scope.context;
  let written = 0;
  for await (const chunk of scope.datasets.read(input.dataset, { signal })) {
    for (const batch of batchesOf(chunk)) {
      isOf(batch, written);
      yield batch;
      written += sizeOf(batch);
    }
    const rows = { in: input.rows, out: written, rejected: 0 };
    scope.progress(rows, { done: written, total: input.rows, unit: "rows" });
  }
}

/** Of content that came together from several loads, in their order; beside what nobody knows, it is not known. */
function together(before: PartitionRecord | undefined, added: string): string {
  return before?.hash === "" ? "" : hash("sha256", `${before?.hash ?? ""}+${added}`);
}

export function unchanged(step: Loads, input: DatasetRef, loadId: string): StepOutcome {
  const output: LoadResult = { loadId, table: step.into.name, inserted: 0, superseded: 0, unchanged: true };
  return { output, rows: { in: input.rows, out: input.rows, rejected: 0 } };
}
