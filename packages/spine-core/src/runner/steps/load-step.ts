import { hash } from "node:crypto";
import type { Partition } from "../../context.ts";
import { batchesOf, type RowBatch, sizeOf } from "../../data/column-block.ts";
import type { DatasetRef, Redriven } from "../../data/dataset.ts";
import type { Merge, MergeCounts } from "../../data/merge.ts";
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
      if (current?.hash === input.hash && !input.redriven) return unchanged(step, input, current.loadId);
      const bring = bringRows(scope, input, transaction);
      return await load(step, scope, transaction, { input, partition, current, bring, into });
    },
  };
}

/** The same where the table is in a database of its own: it changes first, and what is recorded follows. */
async function runElsewhere(
  step: LoadStep,
  scope: StepScope,
  { input, partition }: Pick<Loading, "input" | "partition">,
): Promise<StepOutcome> {
  const elsewhere = await loadElsewhere(step, scope, input, async (into, transaction, stamp) => {
    const how = { ...howOf(step, input), into };
    return await write(how, transaction, bringRows(scope, input, transaction), { stamp, partition });
  });
  return loaded(step, scope, { input, partition, current: undefined }, elsewhere);
}

function bringRows(scope: StepScope, input: DatasetRef, transaction: DatabaseTransaction): Bring {
  const rows = batches(scope, input);
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
  if (partition === null && step.into.partition.length > 0)
    await scope.partitions.changed(step.into.name, { transaction, gone: how.disposition === "replace" });
  return loaded(step, scope, { input, partition, current }, { stamp, changes, into });
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
  // A table of another database is another table.
  const table = isElsewhere ? `${database}.${into.name}` : into.name;
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
    attachments.push({
      kind: "partition",
      table,
      partition,
      loadId: stamp.loadId,
      hash: isAll || current === undefined ? input.hash : together(current.hash, input.hash),
      rows: isAll ? inserted + kept : (current?.rows ?? 0) + inserted - superseded,
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

async function* batches(scope: StepScope, input: DatasetRef): AsyncIterable<RowBatch> {
  const { signal } = scope.context;
  let written = 0;
  for await (const chunk of scope.datasets.read(input.dataset, { signal })) {
    for (const batch of batchesOf(chunk)) {
      yield batch;
      written += sizeOf(batch);
    }
    const rows = { in: input.rows, out: written, rejected: 0 };
    scope.progress(rows, { done: written, total: input.rows, unit: "rows" });
  }
}

/** Of content that came together from several loads, in their order. */
function together(before: string, added: string): string {
  return hash("sha256", `${before}+${added}`);
}

export function unchanged(step: Loads, input: DatasetRef, loadId: string): StepOutcome {
  const output: LoadResult = { loadId, table: step.into.name, inserted: 0, superseded: 0, unchanged: true };
  return { output, rows: { in: input.rows, out: input.rows, rejected: 0 } };
}
