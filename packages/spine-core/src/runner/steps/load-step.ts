import { hash } from "node:crypto";
import type { Partition } from "../../context.ts";
import type { DatasetRef, Redriven } from "../../data/dataset.ts";
import type { DatabaseTransaction, RowStamp } from "../../database/database-transaction.ts";
import { SpineError } from "../../errors.ts";
import type { Attachment } from "../../history/attachment.ts";
import { checkPartition } from "../../history/check-partition.ts";
import type { PartitionRecord } from "../../history/partition-store.ts";
import { newId } from "../../ids.ts";
import type { Row } from "../../sources/source.ts";
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
      const current = partition && (await partitions.get(step.into.name, partition, { transaction }));
      if (input.redriven) return await write(step, scope, transaction, input, partition, current ?? null);
      if (current?.hash === input.hash) return unchanged(step, input, current.loadId);
      return await write(step, scope, transaction, input, partition);
    },
  };
}

/**
 * A run that failed leaves its rejects to others, and may be retried after another run has loaded them: whose they are is asked in
 * the transaction that loads them.
 */
async function checkTaken(
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

/** @param added what is in the partition already, where rows are added to it (null: nothing); undefined where they replace it. */
async function write(
  step: LoadStep,
  scope: StepScope,
  transaction: DatabaseTransaction,
  input: DatasetRef,
  partition: Partition | null,
  added?: PartitionRecord | null,
): Promise<StepOutcome> {
  const { into: table, disposition } = step;
  const stamp: RowStamp = { loadId: newId(), loadedAt: new Date(scope.clock.now()).toISOString() };
  const superseded =
    partition && added === undefined ? await transaction.supersede(table, partition, stamp.loadedAt) : 0;
  const inserted = await transaction.insertRows(table, batches(scope, input), stamp);

  const output: LoadResult = {
    loadId: stamp.loadId,
    table: table.name,
    inserted,
    superseded,
    unchanged: false,
  };
  const attachments: Attachment[] = [
    {
      kind: "load",
      loadId: stamp.loadId,
      step: scope.context.step,
      table: table.name,
      partition,
      disposition,
      dataset: input.dataset,
      hash: input.hash,
      inserted,
      superseded,
    },
  ];
  if (partition) {
    attachments.push({
      kind: "partition",
      table: table.name,
      partition,
      loadId: stamp.loadId,
      hash: added ? hash("sha256", added.hash + input.hash) : input.hash,
      rows: inserted + (added?.rows ?? 0),
    });
  }
  return { output, rows: { in: input.rows, out: inserted, rejected: 0 }, attachments };
}

async function* batches(scope: StepScope, input: DatasetRef): AsyncIterable<readonly Row[]> {
  const { signal } = scope.context;
  let written = 0;
  for await (const chunk of scope.datasets.read(input.dataset, { signal })) {
    yield chunk.rows;
    written += chunk.rows.length;
    const rows = { in: input.rows, out: written, rejected: 0 };
    scope.progress(rows, { done: written, total: input.rows, unit: "rows" });
  }
}

function unchanged(step: LoadStep, input: DatasetRef, loadId: string): StepOutcome {
  const output: LoadResult = { loadId, table: step.into.name, inserted: 0, superseded: 0, unchanged: true };
  return { output, rows: { in: input.rows, out: input.rows, rejected: 0 } };
}
