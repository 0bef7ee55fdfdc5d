import { SourceError } from "../errors.ts";
import type { JsonValue } from "../json.ts";
import type { Page, Row, Source, StreamOptions } from "../sources/source.ts";

export interface ArraySourceOptions {
  /** "array" when left out. */
  readonly name?: string;
  /** Rows in a page; 100 when left out. */
  readonly pageRows?: number;
}

/** A source over rows in memory, for tests. It takes any request; its cursor is the number of rows delivered. */
export function arraySource<R extends object = Row>(
  rows: readonly R[],
  options: ArraySourceOptions = {},
): Source<unknown, R> {
  const { name = "array", pageRows = 100 } = options;
  return {
    name,
    stream: (_request, streamOptions = {}) => pages(rows, pageRows, streamOptions),
  };
}

async function* pages<R extends object>(
  rows: readonly R[],
  pageRows: number,
  { signal, cursor }: StreamOptions,
): AsyncGenerator<Page<R>> {
  for (let from = delivered(cursor, rows.length); from < rows.length; from += pageRows) {
    signal?.throwIfAborted();
    const page = rows.slice(from, from + pageRows);
    yield { rows: page, lines: page.map((_row, index) => from + index + 1), cursor: from + page.length };
  }
  signal?.throwIfAborted();
}

function delivered(cursor: JsonValue | null | undefined, length: number): number {
  if (cursor === null || cursor === undefined) return 0;
  if (typeof cursor === "number" && Number.isSafeInteger(cursor) && cursor >= 0 && cursor <= length)
    return cursor;
  throw new SourceError("The cursor is not one of these rows.", { code: "SOURCE_CHANGED" });
}
