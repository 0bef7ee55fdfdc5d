import type { DatasetRef } from "../../data/dataset.ts";
import { SpineError } from "../../errors.ts";
import { checkPartition } from "../../history/check-partition.ts";
import { UNCHANGED } from "../../history/skip-output.ts";
import type { Source } from "../../sources/source.ts";
import type { IngestResult, LoadResult } from "../../workflow/load-result.ts";
import type { IngestStep } from "../../workflow/step.ts";
import { inspectionOf } from "../quality-inspection.ts";
import { type StepOutcome, type StepScope, type TransactionalOutcome, writerOf } from "../step-scope.ts";
import { tellRange, warn } from "./fetch-step.ts";
import { Following } from "./following.ts";
import { type IngestCursor, IngestPass, ingestCursorOf } from "./ingest-pass.ts";
import { type Bring, checkTaken, isSame, load, unchanged } from "./load-step.ts";
import { verdictOf } from "./quality-step.ts";
import { type Begun, isChange, originOf, readPages } from "./read-pages.ts";
import { ingestOf, redrivenIn } from "./redriven-rows.ts";
import { DISCARDED } from "./transform-step.ts";

interface BegunIngest extends Begun {
  readonly pass: IngestPass;
}

/**
 * Reads a source, makes rows of it, checks them and loads them in one pass. Each page is a checkpoint: its rows stand in a staging
 * table, with its rejects, its cursor and what the checks have counted. After the verdict one transaction moves all of them.
 */
export async function runIngest(
  whole: IngestStep,
  scope: StepScope,
): Promise<StepOutcome | TransactionalOutcome> {
  const { context, database, datasets } = scope;
  const slice = redrivenIn(scope);
  const step = slice ? ingestOf(whole, slice, datasets) : whole;
  await database.ensureTable(step.into);
  const source: Source<unknown> = typeof step.from === "string" ? context.source(step.from) : step.from;
  let begun = await begin(step, scope);
  const isResumed = begun.state.chunks > 0;
  const request = requestOf(step, scope, begun);
  if (!isResumed && (await begun.following.isUnchanged(source, request))) {
    return { output: null, skipped: true, ends: UNCHANGED };
  }
  if (!begun.state.sealed) {
    try {
      await read(source, request, begun, scope);
    } catch (error) {
      if (SpineError.is(error) && error.code === "RATE_BUDGET_USED")
        return { output: null, error, attachments: begun.following.probe() };
      if (!(isResumed && isChange(error))) throw error;
      warn(scope, "The source changed since the ingest began; it is read from its start.");
      begun = await beginAnew(step, scope);
      const again = requestOf(step, scope, begun);
      // What is read now is recognised by what it is now.
      await begun.following.isUnchanged(source, again);
      await read(source, again, begun, scope);
    }
  }
  const origin = slice ? { madeOf: slice.dataset } : originOf(source, request);
  const ref = await datasets.seal(writerOf(scope), begun.state.dataset, origin);
  const { redriven } = slice ?? {};
  return await judge(step, scope, begun, redriven ? { ...ref, redriven } : ref);
}

function requestOf(step: IngestStep, { context }: StepScope, { following }: Begun): unknown {
  return step.request({ ...context, ...following.bounds });
}

/** Goes on with what an earlier attempt has left, where all of that is there. */
async function begin(step: IngestStep, scope: StepScope): Promise<BegunIngest> {
  const state = await scope.datasets.open(writerOf(scope));
  const stored = ingestCursorOf(state.cursor);
  if (state.chunks > 0 && !(stored && (await canGoOn(stored, state.dataset, scope)))) {
    return await beginAnew(step, scope);
  }
  const following = await Following.begin(step, scope, { ...state, cursor: stored?.at ?? null });
  if (!following) {
    if (state.chunks > 0)
      warn(scope, "Another run has moved the cursor since the ingest began; it begins anew.");
    return await beginAnew(step, scope);
  }
  const pass = new IngestPass(step, scope, following, state);
  if (stored) pass.goOn(stored);
  return { state: { ...state, cursor: stored?.at ?? null }, following, pass };
}

async function canGoOn(
  { checks, increment }: IngestCursor,
  dataset: string,
  scope: StepScope,
): Promise<boolean> {
  if (checks === null || increment === null) {
    warn(scope, "What the checks have counted could not be kept with the pages; the ingest begins anew.");
    return false;
  }
  // After a verdict of FAIL the rows are gone.
  return await scope.datasets.isStaged(dataset);
}

async function beginAnew(step: IngestStep, scope: StepScope): Promise<BegunIngest> {
  const state = await scope.datasets.open(writerOf(scope), { fresh: true });
  const following = await Following.begin(step, scope, state);
  if (!following) throw new SpineError("INTERNAL", "An ingest that begins anew has nothing to go on with.");
  return { state, following, pass: new IngestPass(step, scope, following, state) };
}

async function read(
  source: Source<unknown>,
  request: unknown,
  { state, following, pass }: BegunIngest,
  scope: StepScope,
): Promise<void> {
  await readPages(source, request, { state, following }, scope, pass);
}

async function judge(
  step: IngestStep,
  scope: StepScope,
  { following, pass }: BegunIngest,
  ref: DatasetRef,
): Promise<TransactionalOutcome> {
  const { context, partitions } = scope;
  await pass.checks.inspect(inspectionOf(scope, ref));
  const quality = pass.checks.finish();
  const verdict = verdictOf(quality, context);
  if (pass.discarded > 0) context.metric(DISCARDED, pass.discarded);
  tellRange(following.range(), context);
  const rows = { in: ref.rows + ref.rejected + following.left, out: ref.rows, rejected: ref.rejected };
  const output = (loaded: LoadResult | null): IngestResult => ({
    rows: ref.rows,
    rejected: ref.rejected,
    quality,
    load: loaded as LoadResult,
    ...following.range(),
  });
  if (verdict.error) {
    return {
      write: async (transaction) => {
        await transaction.dropStaged(ref.dataset);
        return { ...verdict, output: output(null), rows };
      },
    };
  }
  const partition = checkPartition(step.partition?.(context) ?? null, `of step "${step.name}"`);
  return {
    write: async (transaction) => {
      if (ref.redriven) await checkTaken(scope, transaction, ref.redriven);
      const current = partition
        ? await partitions.get(step.into.name, partition, { transaction })
        : undefined;
      const bring: Bring = async (table, stamp, merge) => {
        if (ref.rows > 0) return await transaction.moveStaged(ref.dataset, table, stamp, merge);
        await transaction.dropStaged(ref.dataset);
        if (merge) return await transaction.mergeRows(table, nothing(), stamp, merge);
        return { inserted: 0, superseded: 0, kept: 0 };
      };
      const same = isSame(step, ref, current) ? current : undefined;
      if (same) await transaction.dropStaged(ref.dataset);
      const loaded = same
        ? unchanged(step, ref, same.loadId)
        : await load(step, scope, transaction, { input: ref, partition, current, bring });
      return {
        output: output(loaded.output as LoadResult),
        rows,
        attachments: [...verdict.attachments, ...(loaded.attachments ?? [])],
        cursors: following.cursors(),
      };
    },
  };
}

async function* nothing(): AsyncIterable<never> {}
