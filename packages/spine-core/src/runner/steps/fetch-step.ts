import type { DatasetState } from "../../data/dataset.ts";
import { SourceError, SpineError } from "../../errors.ts";
import type { Page, Source } from "../../sources/source.ts";
import type { FetchStep } from "../../workflow/step.ts";
import { type StepOutcome, type StepScope, writerOf } from "../step-scope.ts";

/** Reads a source into the step's dataset, page by page. Each page is a checkpoint. */
export async function runFetch(step: FetchStep, scope: StepScope): Promise<StepOutcome> {
  const { context, datasets } = scope;
  const writer = writerOf(scope);
  const source: Source<unknown> = typeof step.from === "string" ? context.source(step.from) : step.from;
  const request = step.request(context);

  let state = await datasets.open(writer);
  for (let resumed = state.chunks > 0; !state.sealed; resumed = false) {
    try {
      state = await readInto(source, request, state, scope);
      break;
    } catch (error) {
      if (!(SpineError.is(error) && error.code === "SOURCE_CHANGED")) throw error;
      // What was stored so far belongs to a source that is not the same any more: nobody may go on behind it.
      state = await datasets.open(writer, { fresh: true });
      if (!resumed) throw error;
      context.logger.warn("The source changed since the fetch began; it is read from its start.", {
        runId: context.runId,
        step: context.step,
      });
    }
  }
  const ref = await datasets.seal(writer, state.dataset);
  return { output: ref, rows: { in: ref.rows + ref.rejected, out: ref.rows, rejected: ref.rejected } };
}

/** A source may be anybody's: what it yields is checked before it is stored. */
function checkPage(page: Partial<Page> | undefined, source: Source<unknown>): void {
  const { rows, lines, rejects = [], cursor } = page ?? {};
  const wrong = !Array.isArray(rows)
    ? "`rows` is no array"
    : cursor === undefined
      ? "`cursor` is missing (where to go on after it; null will do for a source that always starts anew)"
      : lines !== undefined && lines.length !== rows.length
        ? `it has ${rows.length} rows and ${lines.length} line numbers`
        : Array.isArray(rejects)
          ? null
          : "`rejects` is no array";
  if (wrong === null) return;
  throw new SourceError(`Source "${source.name}" yielded a page that cannot be stored: ${wrong}.`, {
    context: { source: source.name },
  });
}

async function readInto(
  source: Source<unknown>,
  request: unknown,
  from: DatasetState,
  scope: StepScope,
): Promise<DatasetState> {
  const { context, datasets, budgets } = scope;
  const writer = writerOf(scope);
  let state = from;
  let bytes = 0;
  const options = { signal: context.signal, cursor: from.cursor, budgets };
  for await (const page of source.stream(request, options)) {
    context.signal.throwIfAborted();
    checkPage(page, source);
    state = await datasets.append(writer, state.dataset, {
      index: state.chunks,
      rows: page.rows,
      lines: page.lines ?? null,
      rejects: page.rejects ?? [],
      cursor: page.cursor,
    });
    bytes += page.bytes ?? 0;
    scope.progress(
      { in: state.rows + state.rejected, out: state.rows, rejected: state.rejected },
      bytes,
      page.totalBytes,
    );
  }
  return state;
}
