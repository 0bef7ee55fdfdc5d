import type { Row } from "spine-core";
import { testSource } from "spine-core/testing";
import { describe, expect, test } from "vitest";
import { LOCAL, readHttp, serve, someRows } from "../testing/http-server.ts";
import type { HttpRequest } from "./http-request.ts";
import { httpSource } from "./http-source.ts";
import type { HttpSourceOptions } from "./http-source-options.ts";
import type { Paginate } from "./paginate.ts";

/** A server that pages in one way, and the options of who reads it. */
interface Paging {
  readonly options: HttpSourceOptions;
  readonly answer: (rows: readonly Row[], size: number) => Parameters<typeof serve>[0];
  readonly request?: HttpRequest;
}

const number = (value: unknown) => Number(value ?? Number.NaN);
const at = (from: number, rows: readonly Row[], size: number) => rows.slice(from, from + size);

/** Every kind of paging, in the query and in the body. */
const PAGING: Readonly<Record<string, Paging>> = {
  "offset in the query, total in the body": {
    options: { rows: "items", paginate: { kind: "offset", limit: 3, total: { body: "meta.total" } } },
    answer:
      (rows, size) =>
      ({ url }) => ({
        body: { items: at(number(url.searchParams.get("offset")), rows, size), meta: { total: rows.length } },
      }),
  },
  "offset in a body, total in a header": {
    options: {
      paginate: {
        kind: "offset",
        limit: 3,
        in: "body",
        offsetPath: "page.offset",
        total: { header: "Record-Total" },
      },
    },
    request: { body: { compareFilters: [{ fieldName: "tier", fieldValue: "T1" }] } },
    answer:
      (rows, size) =>
      ({ json }) => {
        const { page, compareFilters } = json as { page: { offset: number }; compareFilters: unknown };
        if (!Array.isArray(compareFilters)) return { status: 400 };
        if (rows.length === 0) return { status: 204 };
        return { headers: { "Record-Total": String(rows.length) }, body: at(page.offset, rows, size) };
      },
  },
  "offset without a total": {
    options: { paginate: { kind: "offset", limit: 3 } },
    answer:
      (rows, size) =>
      ({ url }) => ({ body: at(number(url.searchParams.get("offset")), rows, size) }),
  },
  "page numbers with their count": {
    options: {
      rows: "rows",
      paginate: { kind: "page-number", pages: { body: "pages" }, limit: 3, limitPath: "size" },
    },
    answer:
      (rows, size) =>
      ({ url }) => ({
        body: {
          rows: at((number(url.searchParams.get("page")) - 1) * size, rows, size),
          pages: Math.max(1, Math.ceil(rows.length / size)),
        },
      }),
  },
  "page numbers from 0 without a count": {
    options: { paginate: { kind: "page-number", first: 0, pagePath: "p" } },
    answer:
      (rows, size) =>
      ({ url }) => ({ body: at(number(url.searchParams.get("p")) * size, rows, size) }),
  },
  "a cursor in the body": {
    options: { rows: "data", paginate: { kind: "cursor", next: "next", more: "more", cursorPath: "after" } },
    answer:
      (rows, size) =>
      ({ url }) => {
        const from = number(url.searchParams.get("after") ?? 0);
        return { body: { data: at(from, rows, size), next: from + size, more: from + size < rows.length } };
      },
  },
  "a cursor in a header, sent in a body": {
    options: {
      paginate: { kind: "header-cursor", header: "X-Next", cursorPath: ["a.b", "from"], in: "body" },
    },
    answer:
      (rows, size) =>
      ({ json }) => {
        const from = number((json as { "a.b"?: { from?: string } } | null)?.["a.b"]?.from ?? 0);
        const headers = from + size < rows.length ? { "X-Next": String(from + size) } : {};
        return { headers: headers as Record<string, string>, body: at(from, rows, size) };
      },
  },
  "links in the body": {
    options: { rows: "data", paginate: { kind: "json-link", next: "links.next", total: { body: "total" } } },
    answer:
      (rows, size) =>
      ({ url }) => {
        const from = number(url.searchParams.get("from") ?? 0);
        const next = from + size < rows.length ? `?from=${from + size}` : null;
        return { body: { data: at(from, rows, size), links: { next }, total: rows.length } };
      },
  },
  "links in the header": {
    options: { paginate: { kind: "header-link" } },
    answer:
      (rows, size) =>
      ({ url, headers }) => {
        const from = number(url.searchParams.get("from") ?? 0);
        const next = `<http://${headers.host}/?from=${from + size}&x=1,2>; title="a, b"; rel="next"`;
        const link = `<http://${headers.host}/?from=0>; rel="first"${from + size < rows.length ? `, ${next}` : ""}`;
        return { headers: { link }, body: at(from, rows, size) };
      },
  },
  "code of one's own": {
    options: {
      paginate: {
        kind: "custom",
        apply: (request, place) => ({ ...request, headers: { "x-from": String(place ?? 0) } }),
        next: ({ place, records }) => (records === 0 ? null : number(place ?? 0) + records),
      },
    },
    answer:
      (rows, size) =>
      ({ headers }) => ({ body: at(number(headers["x-from"]), rows, size) }),
  },
  "one answer, in pages of ours": {
    options: { batchRows: 3 },
    answer: (rows) => () => ({ body: rows }),
  },
  "one answer of lines": {
    options: { batchRows: 3, format: "jsonl" },
    answer: (rows) => () =>
      rows.length === 0 ? { status: 204 } : { body: rows.map((row) => `${JSON.stringify(row)}\n`).join("") },
  },
  "one delimited answer": {
    options: { batchRows: 3, format: "psv" },
    answer: (rows) => () => ({
      headers: { "content-type": "text/plain; charset=utf-8" },
      body: [["id", "symbol", "note"], ...rows.map((row) => Object.values(row))]
        .map((fields) => `${fields.map((field) => `"${String(field).replaceAll('"', '""')}"`).join("|")}\r\n`)
        .join(""),
    }),
  },
};

for (const [name, { options, answer, request = {} }] of Object.entries(PAGING)) {
  testSource(`HTTP, ${name}`, {
    async make(rows, pageRows) {
      const paginate = options.paginate;
      const sized = {
        ...LOCAL,
        ...options,
        ...(options.batchRows ? { batchRows: pageRows } : {}),
        ...(paginate ? { paginate: "limit" in paginate ? { ...paginate, limit: pageRows } : paginate } : {}),
      } as HttpSourceOptions;
      const server = await serve(answer(rows, pageRows));
      return { source: httpSource(sized), request: { url: server.url, ...request } };
    },
    async broken() {
      const server = await serve(() => ({ status: 500 }));
      return { source: httpSource({ ...LOCAL, ...options }), request: { url: server.url, ...request } };
    },
  });
}

describe("what is asked", () => {
  test("is put together from the source and the request", async () => {
    const server = await serve(() => ({ body: [] }));
    const options = { baseUrl: `${server.url}/v1/`, headers: { "X-Client": "a", "x-both": "source" } };
    await readHttp(
      { url: "/rows?keep=1", query: { a: 1, b: ["x", true], c: null }, headers: { "X-Both": "b" } },
      options,
    );
    await readHttp({ body: { question: 1 } }, options);
    await readHttp({ url: "//evil.example/x" }, options);
    const [first, second, third] = server.got;
    expect(`${first?.url.pathname}${first?.url.search}`).toBe("/v1/rows?keep=1&a=1&b=x&b=true");
    expect(first).toMatchObject({
      method: "GET",
      headers: { "x-client": "a", "x-both": "b", accept: "application/json", "accept-encoding": "gzip, br" },
    });
    expect(second).toMatchObject({
      method: "POST",
      json: { question: 1 },
      headers: { "content-type": "application/json" },
    });
    expect(third?.url.pathname).toBe("/v1/evil.example/x");
    for (const url of ["http://other.example/", "https://127.0.0.1/", "ftp://x/"]) {
      await expect(readHttp({ url }, options), url).rejects.toMatchObject({ code: "PERMISSION_DENIED" });
    }
    await expect(readHttp({ url: "/relative" })).rejects.toMatchObject({ code: "CONFIG_INVALID" });
    const wrong = { url: server.url, params: {} } as HttpRequest;
    await expect(readHttp(wrong)).rejects.toThrow("`params`");
    const headers = { "x-a": "b\r\nx-c: d" };
    await expect(readHttp({ url: server.url, headers })).rejects.toMatchObject({ code: "CONFIG_INVALID" });
  });

  test("may not lead to this machine unless it is named", async () => {
    const server = await serve(() => ({ body: [] }));
    const { allowHosts: _none, ...open } = LOCAL;
    await expect(async () => {
      for await (const _page of httpSource(open).stream({ url: server.url }));
    }).rejects.toMatchObject({ code: "PERMISSION_DENIED", message: expect.stringContaining("loopback") });
    expect(server.got).toEqual([]);
  });
});

describe("where rows are", () => {
  const rowsOf = async (body: unknown, options: HttpSourceOptions) => {
    const server = await serve(() => ({ body }));
    return await readHttp(server.url, options);
  };

  test("in a list, under a path, as members with keys, or as one", async () => {
    const rows = someRows(2);
    expect((await rowsOf(rows, {})).rows).toEqual(rows);
    expect((await rowsOf({ a: { "b.c": rows } }, { rows: ["a", "b.c"] })).rows).toEqual(rows);
    expect((await rowsOf({ data: null }, { rows: "data" })).rows).toEqual([]);
    expect((await rowsOf({ x: 1 }, { one: true })).rows).toEqual([{ x: 1 }]);
    const daily = { "2026-01-05": { close: "1.5" }, "2026-01-06": { close: "1.6" } };
    expect((await rowsOf({ series: daily }, { entries: { path: "series", key: "date" } })).rows).toEqual([
      { date: "2026-01-05", close: "1.5" },
      { date: "2026-01-06", close: "1.6" },
    ]);
    expect((await rowsOf({ a: 1 }, { entries: { key: "k", value: "v" } })).rows).toEqual([{ k: "a", v: 1 }]);
  });

  test("nowhere else: another answer is an error that names what it has", async () => {
    const note = { Note: "Our standard API rate limit is 25 requests per day." };
    for (const [body, options] of [
      [note, {}],
      [note, { rows: "data" }],
      [{ data: {} }, { rows: "data" }],
      [5, {}],
      [null, {}],
      [note, { entries: { path: "series", key: "date" } }],
      [{ a: { date: 1 } }, { entries: { key: "date" } }],
      [{ "a.b": [] }, { rows: "a.b" }],
      [JSON.parse('{"__proto__": {"data": []}}'), { rows: "data" }],
    ] as const) {
      await expect(rowsOf(body, options), JSON.stringify(body)).rejects.toMatchObject({
        code: "SOURCE_FORMAT",
      });
    }
    await expect(rowsOf(note, { rows: "data" })).rejects.toThrow("Note");
  });

  test("a record that is no row is a reject with its number", async () => {
    const { rows, rejects } = await rowsOf([{ a: 1 }, 7, [], { b: "\0" }, { c: 2 }], {});
    expect(rows).toEqual([{ a: 1 }, { c: 2 }]);
    expect(rejects.map(({ code, line }) => [code, line])).toEqual([
      ["INVALID_JSON", 2],
      ["INVALID_JSON", 3],
      ["INVALID_JSON", 4],
    ]);
  });
});

describe("options", () => {
  const wrong: readonly (readonly [string, unknown])[] = [
    ["pagnate", { pagnate: {} }],
    ["paginate.limits", { paginate: { kind: "offset", limit: 1, limits: 2 } }],
    ["paginate", { paginate: { kind: "offsets" } }],
    ["paginate.limit", { paginate: { kind: "offset" } satisfies Partial<Paginate> }],
    ["timeouts.headers", { timeouts: { headers: 5 } }],
    ["timeouts.idleMs", { timeouts: { idleMs: 0 } }],
    ["auth", { auth: { kind: "bearer", token: "hunter2-canary" } }],
    ["auth", { auth: { kind: "basic", user: "u", password: "hunter2-canary" } }],
    ["status", { status: { 700: "empty" } }],
    ["status", { status: { 404: "ignore" } }],
    ["format", { format: "xml" }],
    ["baseUrl", { baseUrl: "ftp://x" }],
    ["baseUrl", { baseUrl: "http://u:p@x/" }],
    ["baseUrl", { baseUrl: "http://x/?q=1" }],
    ["rows", { format: "csv", rows: "a" }],
    ["entries", { rows: "a", entries: { key: "k" } }],
    ["rate", { rate: { limit: 0, perMs: 1 } }],
    ["batchRows", { batchRows: 0 }],
    ["headers", { headers: { "a b": "x" } }],
    ["headers", { headers: { a: "x\r\ny: z" } }],
    ["delimiter", { format: "csv", text: { delimiter: ",," } }],
    ["text.roots", { format: "csv", text: { roots: [] } }],
  ];
  test.each(wrong)("%s: what makes no sense is refused by its name", (option, options) => {
    const making = () => httpSource(options as HttpSourceOptions);
    expect(making).toThrow(
      expect.objectContaining({ code: "CONFIG_INVALID", message: expect.stringContaining(option) }),
    );
    expect(making).not.toThrow(/hunter2/);
  });
});
