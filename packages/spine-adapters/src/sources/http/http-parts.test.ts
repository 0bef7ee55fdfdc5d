import type { JsonValue, RateBudget, RateBudgets } from "spine-core";
import { describe, expect, test } from "vitest";
import { LOCAL, readHttp, serve, someRows } from "../testing/http-server.ts";
import { httpSource } from "./http-source.ts";
import type { HttpSourceOptions } from "./http-source-options.ts";
import { KeySample } from "./key-sample.ts";
import { linkOf } from "./link-header.ts";
import { retryAfterMs } from "./retry-after.ts";

describe("Retry-After", () => {
  const now = Date.parse("2026-01-05T09:00:00Z");
  const CASES: readonly (readonly [string | null, number | null])[] = [
    [null, null],
    ["", null],
    ["0", 0],
    ["120", 120_000],
    [" 7 ", 7_000],
    ["3600", 3_600_000],
    ["999999999999", 999_999_999_999_000],
    ["9".repeat(400), null],
    ["-5", null],
    ["1.5", null],
    ["1e3", null],
    ["Infinity", null],
    ["soon", null],
    ["Mon, 05 Jan 2026 09:01:00 GMT", 60_000],
    ["Monday, 05-Jan-26 09:01:00 GMT", 60_000],
    ["Mon Jan  5 09:01:00 2026 GMT", 60_000],
    ["Mon, 05 Jan 2026 08:00:00 GMT", 0],
    ["Mon, 99 Jan 2026 08:00:00 GMT", null],
  ];
  test.each(CASES)("%s", (value, expected) => {
    expect(retryAfterMs(value, null, now)).toBe(expected);
  });

  test("a date counts from the other side's own time", () => {
    const at = "Mon, 05 Jan 2026 09:01:00 GMT";
    expect(retryAfterMs(at, "Mon, 05 Jan 2026 09:00:30 GMT", now - 3_600_000)).toBe(30_000);
    expect(retryAfterMs(at, "nonsense", now)).toBe(60_000);
  });
});

test("Link headers are read as RFC 8288 writes them", () => {
  const cases: readonly (readonly [string | null, string | undefined])[] = [
    [null, undefined],
    ["", undefined],
    ['<https://a.example/?p=2>; rel="next"', "https://a.example/?p=2"],
    ["<https://a.example/?p=2>; rel=next", "https://a.example/?p=2"],
    ['<a,b;c>; title="x, <y>; rel=prev"; rel="next"', "a,b;c"],
    ['<1>; rel="prev", <2>; rel="last next"', "2"],
    ['<1>; REL="NEXT"', "1"],
    ['<1>; rel="nextish"', undefined],
    ["<1; rel=next", undefined],
    ['garbage, <1>; rel="next"', "1"],
    [`${"<".repeat(100_000)}`, undefined],
  ];
  for (const [header, expected] of cases) expect(linkOf(header, "next"), String(header)).toBe(expected);
});

test("a query that is no text, number or boolean is refused, not sent as what JavaScript makes of it", async () => {
  const server = await serve(() => ({ body: [] }));
  for (const week of [undefined, new Date(0), { a: 1 }, [undefined]] as unknown as readonly string[]) {
    await expect(readHttp({ url: server.url, query: { week } })).rejects.toMatchObject({
      code: "CONFIG_INVALID",
    });
  }
  expect(server.got).toHaveLength(0);
});

describe("keys that come again", () => {
  const pages = (count: number, size: number) =>
    Array.from({ length: count }, (_none, index) => someRows(size, index * size));

  test("are noticed on the next page, however many came before, and of a page that is sent again", () => {
    const all = pages(200, 500);
    const keys = new KeySample(["id"], null);
    for (const page of all) expect(keys.take(page)).toBeNull();
    expect(keys.take([...someRows(10, 1_000_000), ...(all.at(-1) ?? []).slice(-1)])).toMatchObject({
      id: "99999",
    });
    const { hashes } = keys.stored;
    expect(hashes.length).toBeLessThanOrEqual(128);
    expect(JSON.stringify(keys.stored).length).toBeLessThan(2_500);
    // Half of all that came before comes again: a resumed stream knows no more than what is stored.
    const resumed = new KeySample(["id"], JSON.parse(JSON.stringify(keys.stored)));
    const again = all.slice(0, 100).map((page) => resumed.take(page));
    expect(again.some((row) => row !== null)).toBe(true);
  });

  test("by several columns, and values of any kind", () => {
    const keys = new KeySample(["a", "b"], null);
    expect(keys.take([{ a: 1, b: null }, { a: "1", b: null }, { a: 1 }, { b: 1 }])).toBeNull();
    expect(keys.take([{ a: 1, b: 2, c: 3 }])).toBeNull();
    expect(keys.take([{ a: 1, b: 2, c: 4 }])).toEqual({ a: 1, b: 2, c: 4 });
  });
});

describe("budgets", () => {
  test("each request asks for its place, also those that are sent again, and waits for it", async () => {
    const taken: RateBudget[] = [];
    const budgets: RateBudgets = {
      async take(budget) {
        taken.push(budget);
        return taken.length === 2 ? 200 : 0;
      },
    };
    const server = await serve(() => (server.got.length === 1 ? { status: 500 } : { body: [] }));
    const options: HttpSourceOptions = { name: "demo", quickRetries: 1, rate: { limit: 20, perMs: 1_000 } };
    const start = performance.now();
    await readHttp(server.url, options, { budgets });
    expect(performance.now() - start).toBeGreaterThan(195);
    expect(taken).toEqual(
      Array.from({ length: 2 }, () => ({ name: "demo", limit: 20, perMs: 1_000, upToMs: 2_000 })),
    );
  });

  test("a long wait is left to the step, and nothing is sent", async () => {
    const server = await serve(() => ({ body: [] }));
    const budgets: RateBudgets = { take: async () => 2_000.5 };
    const asking = readHttp(server.url, { rate: { limit: 1, perMs: 5_000 }, quickRetries: 5 }, { budgets });
    await expect(asking).rejects.toMatchObject({
      code: "RATE_BUDGET_USED",
      category: "RATE_LIMIT",
      retryAfterMs: 2_001,
    });
    expect(server.got).toEqual([]);
  });

  test("without a Spine a source counts by itself", async () => {
    const server = await serve(() => ({ body: [] }));
    const source = httpSource({ ...LOCAL, rate: { limit: 10, perMs: 1_000 } });
    const start = performance.now();
    const read = async () => {
      for await (const _page of source.stream({ url: server.url }));
    };
    await Promise.all([read(), read(), read(), read()]);
    expect(performance.now() - start).toBeGreaterThan(295);
  });
});

test.each([
  [undefined, "CONFIG_INVALID"],
  [null, "CONFIG_INVALID"],
  [["http://127.0.0.1"], "CONFIG_INVALID"],
  [{ url: 3 }, "CONFIG_INVALID"],
  [{ url: "http://127.0.0.1", methd: "GET" }, "CONFIG_INVALID"],
  [{ url: "http://127.0.0.1", body: { at: 1n } }, "PAYLOAD_INVALID"],
])("a request that is none is refused before anything is sent (%#)", async (request, code) => {
  const read = httpSource(LOCAL)
    .stream(request as never)
    [Symbol.asyncIterator]()
    .next();
  await expect(read).rejects.toMatchObject({ code });
});

describe("what changed", () => {
  const changes = async (url: string, options: HttpSourceOptions, since: JsonValue | null) =>
    (await httpSource({ ...LOCAL, ...options }).changed?.({ url }, { since })) ?? {
      changed: null,
      mark: null,
    };

  test.each(["etag", "last-modified"])("is asked for by the %s", async (header) => {
    let version = header === "etag" ? 'W/"1"' : "Mon, 05 Jan 2026 09:00:00 GMT";
    const condition = header === "etag" ? "if-none-match" : "if-modified-since";
    let bodies = 0;
    const server = await serve(({ headers }) => {
      if (headers[condition] === version) return { status: 304 };
      bodies += 1;
      return { headers: { [header]: version }, body: someRows(3) };
    });
    const first = await changes(server.url, {}, null);
    expect(first).toMatchObject({ changed: true });
    const mark = JSON.parse(JSON.stringify(first.mark)) as JsonValue;
    expect(await changes(server.url, {}, mark)).toEqual({ changed: false, mark });
    expect(bodies).toBe(1);
    version = header === "etag" ? '"2"' : "Tue, 06 Jan 2026 09:00:00 GMT";
    expect(await changes(server.url, {}, mark)).toMatchObject({ changed: true });
  });

  test("is found out by the bytes where nothing else tells, and a condition that nobody heeds is compared here", async () => {
    let rows = someRows(3);
    const plain = await serve(() => ({ body: rows }));
    const first = await changes(plain.url, {}, null);
    expect(await changes(plain.url, {}, first.mark)).toEqual({ changed: false, mark: first.mark });
    rows = someRows(4);
    expect(await changes(plain.url, {}, first.mark)).toMatchObject({ changed: true });
    const deaf = await serve(() => ({ headers: { etag: 'W/"7"' }, body: rows }));
    const mark = (await changes(deaf.url, {}, null)).mark;
    expect(await changes(deaf.url, {}, mark)).toMatchObject({ changed: false });
  });

  test("of several pages is always all: the first says nothing about the others", async () => {
    let more = true;
    const server = await serve(({ url }) => ({
      headers: { etag: '"same"' },
      body: { rows: someRows(2), next: more && !url.searchParams.has("c") ? "2" : null },
    }));
    const options: HttpSourceOptions = {
      rows: "rows",
      paginate: { kind: "cursor", next: "next", cursorPath: "c" },
    };
    expect(await changes(server.url, options, null)).toEqual({ changed: true, mark: null });
    expect(await changes(server.url, options, null)).toEqual({ changed: true, mark: null });
    more = false;
    const { mark } = await changes(server.url, options, null);
    expect(await changes(server.url, options, mark)).toMatchObject({ changed: false });
  });

  test("of what is not there is an error, and of marks of another kind everything", async () => {
    const missing = await serve(() => ({ status: 404 }));
    await expect(changes(missing.url, {}, null)).rejects.toMatchObject({ code: "SOURCE_NOT_FOUND" });
    const never = await serve(() => ({ status: 304 }));
    await expect(changes(never.url, {}, null)).rejects.toMatchObject({ category: "SOURCE" });
    const server = await serve(() => ({ body: [] }));
    for (const mark of [7, "x", [], { etag: 5 }]) {
      expect(await changes(server.url, {}, mark)).toMatchObject({ changed: true });
    }
  });
});
