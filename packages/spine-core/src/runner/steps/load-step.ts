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
import type { LoadResult, LoadStep } from "../../workflow/step.ts";
import { datasetOf, type StepOutcome, type StepScope, type TransactionalOutcome } from "../step-scope.ts";

/**
 * Writes a dataset into its table in the transaction that records the step: after a crash either both are
 * there or neither is. A partition that holds the very same content already is left as it is.
 */
export async function runLoad(step: LoadStep, scope: StepScope): Promise<TransactionalOutcome> {
  const { context, database, partitions } = scope;
  const input = datasetOf(context, step.from);
  const partition = checkPartition(step.partition?.(context) ?? null, `of step "${step.name}"`);
  await database.ensureTable(step.into);

  return {
    write: async (transaction) => {
      if (input.redriven) await checkTaken(scope, transaction, input.redriven);
      const current = partition
        ? await partitions.get(step.into.name, partition, { transaction })
        : undefined;
      if (current?.hash === input.hash && !input.redriven) return unchanged(step, input, current.loadId);
      const rows = batches(scope, input);
      const bring: Bring = async (table, stamp, merge) =>
        merge
          ? await transaction.mergeRows(table, rows, stamp, merge)
          : { inserted: await transaction.insertRows(table, rows, stamp), superseded: 0, kept: 0 };
      return await load(step, scope, transaction, { input, partition, current, bring });
    },
  };
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
export type Loads = Pick<LoadStep, "name" | "into" | "merge" | "disposition" | "partition">;

/** Brings the rows of a load into its table, in its transaction: added, or with `merge` together with what is there. */
export type Bring = (table: Table, stamp: RowStamp, merge: Merge | null) => Promise<MergeCounts>;

interface Loading {
  readonly input: DatasetRef;
  readonly partition: Partition | null;
  /** What is known of the partition's content; undefined where nothing is. */
  readonly current: PartitionRecord | undefined;
  readonly bring: Bring;
}

/** Changes a table, in the transaction at hand, and says what is to be recorded of it. */
export async function load(
  step: Loads,
  scope: StepScope,
  transaction: DatabaseTransaction,
  { input, partition, current, bring }: Loading,
): Promise<StepOutcome> {
  const { into: table } = step;
  // Rows that are driven again are no more than a slice: they come to what is there.
  const how = input.redriven ? adding(step) : step;
  const stamp: RowStamp = { loadId: newId(), loadedAt: new Date(scope.clock.now()).toISOString() };
  const { inserted, superseded, kept } = await write(how, transaction, bring, { stamp, partition });
  if (partition === null && table.partition.length > 0)
    await scope.partitions.changed(table.name, { transaction, gone: how.disposition === "replace" });

  const output: LoadResult = {
    loadId: stamp.loadId,
    table: table.name,
    inserted,
    superseded,
    ...(step.merge ? { kept } : {}),
    unchanged: false,
  };
  const attachments: Attachment[] = [
    {
      kind: "load",
      loadId: stamp.loadId,
      step: scope.context.step,
      table: table.name,
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
      table: table.name,
      partition,
      loadId: stamp.loadId,
      hash: isAll || current === undefined ? input.hash : together(current.hash, input.hash),
      rows: isAll ? inserted + kept : (current?.rows ?? 0) + inserted - superseded,
    });
  }
  return { output, rows: { in: input.rows, out: inserted + kept, rejected: 0 }, attachments };
}

type How = Pick<LoadStep, "into" | "merge" | "disposition">;

/** How a load adds to what is there. */
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
