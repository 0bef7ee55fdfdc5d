import type { DatasetRef, DatasetState, SealOptions } from "../../data/dataset.ts";
import { SourceError, SpineError } from "../../errors.ts";
import { UNCHANGED } from "../../history/skip-output.ts";
import type { Page, Source } from "../../sources/source.ts";
import { storableText } from "../../storable-text.ts";
import type { FetchStep } from "../../workflow/step.ts";
import { type StepOutcome, type StepScope, writerOf } from "../step-scope.ts";
import { Following } from "./following.ts";

/** A fetch that has begun: what is stored of it, and how it follows the runs before. */
interface Begun {
  readonly state: DatasetState;
  readonly following: Following;
}

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
      state = await readInto(source, request, { state, following }, scope);
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
  const { dataset } = await readInto(source, request, { state, following }, scope);
  const ref = await scope.datasets.seal(writerOf(scope), dataset, originOf(source, request));
  return finished(ref, following, scope);
}

/** The longest text of what was read: it stands in an index. */
const LONGEST_LOCATOR = 500;

/** A source may be anybody's: what it cannot say is no reason to fail with rows that have been read. */
function originOf(source: Source<unknown>, request: unknown): SealOptions {
  try {
    const said: unknown = source.describe?.(request);
    const locator = typeof said === "string" ? storableText(said).slice(0, LONGEST_LOCATOR) : null;
    return { source: source.name, locator };
  } catch {
    return { source: source.name, locator: null };
  }
}

function finished(ref: DatasetRef, following: Following, { context }: StepScope): StepOutcome {
  const range = following.range();
  if (range.incremental) {
    context.metric("duplicates", range.incremental.duplicates);
    context.metric("outside_range", range.incremental.outside);
  }
  return {
    output: { ...ref, ...range },
    rows: { in: ref.rows + ref.rejected + following.left, out: ref.rows, rejected: ref.rejected },
    cursors: following.cursors(),
  };
}

function warn({ context }: StepScope, message: string): void {
  context.logger.warn(message, { runId: context.runId, step: context.step });
}

function isObject(row: unknown): boolean {
  return typeof row === "object" && row !== null && !Array.isArray(row);
}

/** A source may be anybody's: what it yields is checked before it is stored. */
function checkPage(page: Partial<Page> | undefined, source: Source<unknown>): void {
  const { rows, lines, rejects = [], cursor, file } = page ?? {};
  const wrong = !Array.isArray(rows)
    ? "`rows` is no array"
    : !rows.every(isObject)
      ? `its row ${rows.findIndex((row) => !isObject(row)) + 1} is no object`
      : cursor === undefined
        ? "`cursor` is missing (where to go on after it; null will do for a source that always starts anew)"
        : lines !== undefined && lines.length !== rows.length
          ? `it has ${rows.length} rows and ${lines.length} line numbers`
          : !Array.isArray(rejects)
            ? "`rejects` is no array"
            : file !== undefined && file !== null && typeof file !== "string"
              ? "`file` is no text"
              : null;
  if (wrong === null) return;
  throw new SourceError(`Source "${source.name}" yielded a page that cannot be stored: ${wrong}.`, {
    context: { source: source.name },
  });
}

async function readInto(
  source: Source<unknown>,
  request: unknown,
  { state: from, following }: Begun,
  scope: StepScope,
): Promise<DatasetState> {
  const { context, datasets, budgets } = scope;
  const writer = writerOf(scope);
  let state = from;
  let bytes = 0;
  const cursor = following.sourceCursor(from.cursor);
  const options = { signal: context.signal, cursor, budgets };
  try {
    for await (const given of source.stream(request, options)) {
      context.signal.throwIfAborted();
      checkPage(given, source);
      const page = following.page(given);
      state = await datasets.append(writer, state.dataset, {
        index: state.chunks,
        rows: page.rows,
        lines: page.lines ?? null,
        file: page.file ?? null,
        rejects: page.rejects ?? [],
        cursor: page.cursor,
      });
      bytes += page.bytes ?? 0;
      const read = state.rows + state.rejected + following.left;
      const total = page.totalBytes ?? null;
      const counted = { done: bytes, total, unit: "bytes" };
      scope.progress(
        { in: read, out: state.rows, rejected: state.rejected },
        bytes > 0 || total !== null ? counted : undefined,
      );
    }
  } catch (error) {
    // What was stored so far belongs to a source that is not the same any more: nobody may go on behind it.
    if (isChange(error)) await datasets.open(writer, { fresh: true });
    throw error;
  }
  return state;
}

function isChange(error: unknown): boolean {
  return SpineError.is(error) && error.code === "SOURCE_CHANGED";
}
