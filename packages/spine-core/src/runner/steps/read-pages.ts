import type { ChunkWrite, DatasetState, SealOptions } from "../../data/dataset.ts";
import { SourceError, SpineError } from "../../errors.ts";
import type { JsonValue } from "../../json.ts";
import type { Page, Source } from "../../sources/source.ts";
import { storableText } from "../../storable-text.ts";
import { type StepScope, writerOf } from "../step-scope.ts";
import { ChunkAppends } from "./chunk-appends.ts";
import type { Following } from "./following.ts";

/** A fetch that has begun: what is stored of it, and how it follows the runs before. */
export interface Begun {
  readonly state: DatasetState;
  readonly following: Following;
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

/** What is stored of pages, without their place. */
type Content = Omit<ChunkWrite, "index" | "cursor">;

/** What is stored of pages. */
export interface PageChunks {
  of(page: Page): Content;
  /** Where to go on after a page and all before it. */
  cursor(page: Page): JsonValue;
  /**
   * How many pages, and of how many rows and rejects, are stored together at the most where the source reads ahead: reading one again
   * costs it nothing. Of another source each page is stored by itself.
   */
  readonly together: { readonly pages: number; readonly rows: number };
}

const ALONE = { pages: 1, rows: 1 };

/** Each page as it is. */
const AS_THEY_ARE: PageChunks = {
  of: ({ rows, lines, file, rejects }) => ({
    rows,
    lines: lines ?? null,
    file: file ?? null,
    rejects: rejects ?? [],
  }),
  cursor: ({ cursor }) => cursor,
  together: ALONE,
};

/** Reads a source from where its dataset ends to its end. */
export async function readPages(
  source: Source<unknown>,
  request: unknown,
  { state: from, following }: Begun,
  scope: StepScope,
  chunks: PageChunks = AS_THEY_ARE,
): Promise<DatasetState> {
  const { context, datasets, budgets } = scope;
  const writer = writerOf(scope);
  const appends = new ChunkAppends({ datasets, writer, state: from, ahead: source.readsAhead ?? false });
  const together = source.readsAhead ? chunks.together : ALONE;
  const gathered: Content[] = [];
  let size = 0;
  let last: Page | undefined;
  let bytes = 0;
  const store = async (totalBytes: number | null) => {
    if (gathered.length === 0 || !last) return;
    const counted = { done: bytes, total: totalBytes, unit: "bytes" };
    const { left } = following;
    const chunk = { ...joined(gathered), cursor: chunks.cursor(last) };
    gathered.length = 0;
    size = 0;
    await appends.add(chunk, ({ rows, rejected }) =>
      scope.progress(
        { in: rows + rejected + left, out: rows, rejected },
        counted.done > 0 || counted.total !== null ? counted : undefined,
      ),
    );
  };
  const cursor = following.sourceCursor(from.cursor);
  const options = { signal: context.signal, cursor, budgets };
  try {
    for await (const given of source.stream(request, options)) {
      context.signal.throwIfAborted();
      checkPage(given, source);
      // Lines count in a file: pages of two are not of one chunk.
      if (gathered[0] && (gathered[0].file ?? null) !== (given.file ?? null))
        await store(given.totalBytes ?? null);
      const page = following.page(withStorableRejects(given));
      bytes += page.bytes ?? 0;
      const made = chunks.of(page);
      gathered.push(made);
      size += made.rows.length + made.rejects.length;
      last = page;
      if (gathered.length >= together.pages || size >= together.rows) await store(page.totalBytes ?? null);
    }
    await store(last?.totalBytes ?? null);
    return await appends.end();
  } catch (error) {
    await appends.settled();
    // What was stored so far belongs to a source that is not the same any more: nobody may go on behind it.
    if (isChange(error)) await datasets.open(writer, { fresh: true });
    throw error;
  }
}

/** What is wrong with a row may be what its message is made of. */
function withStorableRejects(page: Page): Page {
  if (!page.rejects?.length) return page;
  const rejects = page.rejects.map((one) => ({
    ...one,
    code: storableText(String(one.code)),
    message: storableText(String(one.message)),
  }));
  return { ...page, rejects };
}

/** Pages that are stored together are of one file; nobody asks for the lines of their rows. */
function joined(pages: readonly Content[]): Content {
  const [first, ...more] = pages as [Content, ...Content[]];
  if (more.length === 0) return first;
  return {
    ...first,
    rows: pages.flatMap(({ rows }) => rows),
    lines: null,
    rejects: pages.flatMap(({ rejects }) => rejects),
  };
}

/** True where the source is not the same any more. */
export function isChange(error: unknown): boolean {
  return SpineError.is(error) && error.code === "SOURCE_CHANGED";
}

/** The longest text of what was read: it stands in an index. */
const LONGEST_LOCATOR = 500;

/** A source may be anybody's: what it cannot say is no reason to fail with rows that have been read. */
export function originOf(source: Source<unknown>, request: unknown): SealOptions {
  try {
    const said: unknown = source.describe?.(request);
    const locator = typeof said === "string" ? storableText(said).slice(0, LONGEST_LOCATOR) : null;
    return { source: source.name, locator };
  } catch {
    return { source: source.name, locator: null };
  }
}
