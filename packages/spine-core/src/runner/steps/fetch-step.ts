import type { DatasetRef } from "../../data/dataset.ts";
import { SpineError } from "../../errors.ts";
import { UNCHANGED } from "../../history/skip-output.ts";
import type { Source } from "../../sources/source.ts";
import type { FetchStep } from "../../workflow/step.ts";
import type { StepContext } from "../../workflow/step-context.ts";
import { type StepOutcome, type StepScope, writerOf } from "../step-scope.ts";
import { Following } from "./following.ts";
import { type Begun, isChange, originOf, readPages } from "./read-pages.ts";

/** Reads a source into the step's dataset, page by page. Each page is a checkpoint. */
export async function runFetch(step: FetchStep, scope: StepScope): Promise<StepOutcome> {
  const { context, datasets } = scope;
  const source: Source<unknown> = typeof step.from === "string" ? context.source(step.from) : step.from;
  let { state, following } = await begin(step, scope);
  const request = step.request({ ...context, ...following.bounds });
  const isResumed = state.chunks > 0;
  // What was read before a crash is read to its end, whatever the source says of itself by now.
  if (!isResumed && (await following.isUnchanged(source, request))) {
    return { output: null, skipped: true, ends: UNCHANGED };
  }
  if (!state.sealed) {
    try {
      state = await readPages(source, request, { state, following }, scope);
    } catch (error) {
      // It is left to the next attempt, which need not ask once more whether there is anything new.
      if (SpineError.is(error) && error.code === "RATE_BUDGET_USED")
        return { output: null, error, attachments: following.probe() };
      if (!(isResumed && isChange(error))) throw error;
      warn(scope, "The source changed since the fetch began; it is read from its start.");
      return await readAnew(step, scope, source);
    }
  }
  const ref = await datasets.seal(writerOf(scope), state.dataset, originOf(source, request));
  if (isResumed) await following.lookAt(ref);
  return finished(ref, following, scope);
}

async function begin(step: FetchStep, scope: StepScope): Promise<Begun> {
  const state = await scope.datasets.open(writerOf(scope));
  const following = await Following.begin(step, scope, state);
  if (following) return { state, following };
  if (state.chunks > 0)
    warn(scope, "Another run has moved the cursor since the fetch began; it begins anew.");
  return await beginAnew(step, scope);
}

async function beginAnew(step: FetchStep, scope: StepScope): Promise<Begun> {
  const state = await scope.datasets.open(writerOf(scope), { fresh: true });
  const following = await Following.begin(step, scope, state);
  if (!following) throw new SpineError("INTERNAL", "A fetch that begins anew has nothing to go on with.");
  return { state, following };
}

async function readAnew(step: FetchStep, scope: StepScope, source: Source<unknown>): Promise<StepOutcome> {
  const { state, following } = await beginAnew(step, scope);
  const request = step.request({ ...scope.context, ...following.bounds });
  // What is read now is recognised by what it is now.
  await following.isUnchanged(source, request);
  const { dataset } = await readPages(source, request, { state, following }, scope);
  const ref = await scope.datasets.seal(writerOf(scope), dataset, originOf(source, request));
  return finished(ref, following, scope);
}

function finished(ref: DatasetRef, following: Following, { context }: StepScope): StepOutcome {
  const range = following.range();
  tellRange(range, context);
  return {
    output: { ...ref, ...range },
    rows: { in: ref.rows + ref.rejected + following.left, out: ref.rows, rejected: ref.rejected },
    cursors: following.cursors(),
  };
}

/** Tells how much was read and left out. */
export function tellRange({ incremental }: Pick<DatasetRef, "incremental">, context: StepContext): void {
  if (!incremental) return;
  context.metric("duplicates", incremental.duplicates);
  context.metric("outside_range", incremental.outside);
}

export function warn({ context }: StepScope, message: string): void {
  context.logger.warn(message, { runId: context.runId, step: context.step });
}
