import { describe, expect, onTestFinished, test } from "vitest";
import { type ErrorCategory, SpineError } from "../errors.ts";
import { decodeJson, encodeJson, type JsonValue } from "../json.ts";
import type { Page, Row, Source } from "../sources/source.ts";

/** A source under test together with the request that reads it. */
export interface SourceFixture<Request> {
  readonly source: Source<Request, object>;
  readonly request: Request;
  /** Called when the test is over. */
  dispose?(): unknown;
}

export interface SourceFactory<Request> {
  /**
   * A source that delivers exactly these rows, all of whose values are strings, and about `pageRows` of them in a
   * page, so that there is more than one.
   */
  make(rows: readonly Row[], pageRows: number): SourceFixture<Request> | Promise<SourceFixture<Request>>;
  /** A source that fails, for instance because what it reads is not there. */
  broken?(): SourceFixture<Request> | Promise<SourceFixture<Request>>;
}

const ALLOWED: readonly ErrorCategory[] = [
  "SOURCE",
  "TRANSIENT",
  "DEPENDENCY",
  "TIMEOUT",
  "RATE_LIMIT",
  "PERMISSION",
];

/**
 * The conformance suite of {@link Source}: order, cursors and resuming, independence of streams, aborting, the
 * empty source, and the kinds of errors. Call it in a test file.
 */
export function testSource<Request>(name: string, factory: SourceFactory<Request>): void {
  const make = async (rows: readonly Row[], pageRows = 3): Promise<SourceFixture<Request>> => {
    const fixture = await factory.make(rows, pageRows);
    onTestFinished(async () => void (await fixture.dispose?.()));
    return fixture;
  };

  describe(`source conformance: ${name}`, () => {
    test("delivers every row, unchanged and in order", async () => {
      const rows = sampleRows(10);
      expect(rowsOf(await read(await make(rows)))).toEqual(rows);
    });

    test("delivers a single row", async () => {
      const rows = sampleRows(1);
      expect(rowsOf(await read(await make(rows)))).toEqual(rows);
    });

    test("tells the line of each row, where it tells lines", async () => {
      for (const page of await read(await make(sampleRows(10)))) {
        if (page.lines === undefined) continue;
        expect(page.lines).toHaveLength(page.rows.length);
        expect([...page.lines].sort((a, b) => a - b)).toEqual(page.lines);
      }
    });

    test("counts no more bytes than there are", async () => {
      const pages = await read(await make(sampleRows(10)));
      const total = pages.at(-1)?.totalBytes;
      if (total === undefined) return;
      expect(pages.reduce((sum, page) => sum + (page.bytes ?? 0), 0)).toBeLessThanOrEqual(total);
    });

    test("resumes behind every page without loss or doubles", async () => {
      const rows = sampleRows(10);
      const fixture = await make(rows);
      const pages = await read(fixture);
      expect(pages.length).toBeGreaterThan(1);
      let delivered = 0;
      for (const page of pages) {
        delivered += page.rows.length;
        expect(rowsOf(await read(fixture, stored(page.cursor)))).toEqual(rows.slice(delivered));
      }
      expect(delivered).toBe(rows.length);
    });

    test("resumes a resumed stream", async () => {
      const rows = sampleRows(10);
      const fixture = await make(rows, 2);
      const got: object[] = [];
      let cursor: JsonValue | null = null;
      // One page per stream, as if the process ended after each.
      for (let left = rows.length; left >= 0; left--) {
        const page: Page<object> | undefined = await firstPage(fixture, cursor);
        if (page === undefined) break;
        got.push(...page.rows);
        cursor = stored(page.cursor);
      }
      expect(got).toEqual(rows);
    });

    test("streams do not disturb each other", async () => {
      const rows = sampleRows(10);
      const { source, request } = await make(rows);
      const one = source.stream(request)[Symbol.asyncIterator]();
      const first = await one.next();
      expect(rowsOf(await read({ source, request }))).toEqual(rows);
      const got = first.done ? [] : [...first.value.rows];
      for (let next = await one.next(); !next.done; next = await one.next()) got.push(...next.value.rows);
      expect(got).toEqual(rows);
    });

    test("can be left in the middle and read again", async () => {
      const rows = sampleRows(10);
      const fixture = await make(rows);
      await firstPage(fixture, null);
      expect(rowsOf(await read(fixture))).toEqual(rows);
    });

    test("throws the signal's reason when it was aborted before", async () => {
      const { source, request } = await make(sampleRows(10));
      const reason = new Error("stop");
      const stream = source.stream(request, { signal: AbortSignal.abort(reason) });
      await expect(collect(stream)).rejects.toBe(reason);
    });

    test("throws the signal's reason, and no further page, when it is aborted between pages", async () => {
      const { source, request } = await make(sampleRows(10));
      const controller = new AbortController();
      // As the runner aborts: a SpineError, which has to arrive as it is too.
      const reason = new SpineError("RUN_CANCELLED", "stop");
      const stream = source.stream(request, { signal: controller.signal })[Symbol.asyncIterator]();
      expect((await stream.next()).done).toBe(false);
      controller.abort(reason);
      await expect(stream.next()).rejects.toBe(reason);
    });

    test("an empty source delivers no rows, or says with a SpineError that it is empty", async () => {
      const fixture = await make([]);
      const outcome = await read(fixture).catch((error: unknown) => error);
      if (Array.isArray(outcome)) expect(rowsOf(outcome)).toEqual([]);
      else expectSourceError(outcome);
    });

    test.skipIf(factory.broken === undefined)("fails with a SpineError of a source's category", async () => {
      const fixture = await factory.broken?.();
      if (fixture === undefined) return;
      onTestFinished(async () => void (await fixture.dispose?.()));
      expectSourceError(await read(fixture).catch((error: unknown) => error));
    });
  });
}

function sampleRows(count: number): Row[] {
  return Array.from({ length: count }, (_none, index) => ({
    id: String(index + 1),
    symbol: ["TRUE", "NAN", "INF", "BCpC", "ALLpA/CL"][index % 5] ?? "",
    note: index % 3 === 0 ? "" : `Zürich, "№ ${index}" | 0${index}.10`,
  }));
}

async function read<Request>(
  fixture: SourceFixture<Request>,
  cursor: JsonValue | null = null,
): Promise<Page<object>[]> {
  return await collect(fixture.source.stream(fixture.request, { cursor }));
}

async function collect(stream: AsyncIterable<Page<object>>): Promise<Page<object>[]> {
  const pages: Page<object>[] = [];
  for await (const page of stream) pages.push(page);
  return pages;
}

async function firstPage<Request>(
  { source, request }: SourceFixture<Request>,
  cursor: JsonValue | null,
): Promise<Page<object> | undefined> {
  for await (const page of source.stream(request, { cursor })) return page;
  return undefined;
}

function rowsOf(pages: readonly Page<object>[]): object[] {
  return pages.flatMap((page) => page.rows);
}

/** A cursor as it comes back out of a dataset store. */
function stored(cursor: JsonValue): JsonValue {
  return decodeJson(encodeJson(cursor, "the cursor"));
}

function expectSourceError(error: unknown): void {
  expect(SpineError.is(error), `a SpineError, not ${String(error)}`).toBe(true);
  if (SpineError.is(error)) expect(ALLOWED).toContain(error.category);
}
