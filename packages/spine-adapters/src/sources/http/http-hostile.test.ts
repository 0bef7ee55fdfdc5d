import { once } from "node:events";
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from "node:zlib";
import { type Row, SpineError } from "spine-core";
import { describe, expect, test } from "vitest";
import { LOCAL, readHttp, serve, serveBytes, someRows } from "../testing/http-server.ts";
import { httpSource } from "./http-source.ts";
import type { HttpSourceOptions } from "./http-source-options.ts";
import type { Paginate } from "./paginate.ts";

const OFFSET: HttpSourceOptions = {
  paginate: { kind: "offset", limit: 10, total: { header: "Record-Total" } },
};

/** A service of rows that cuts pages by rows and by size, as FINRA's does. */
function cutting(rows: readonly Row[], mostRows: number, mostBytes: number): Parameters<typeof serve>[0] {
  return ({ url }) => {
    const from = Number(url.searchParams.get("offset"));
    const most = Math.min(mostRows, Number(url.searchParams.get("limit")));
    const page: Row[] = [];
    for (const row of rows.slice(from, from + most)) {
      if (page.length > 0 && JSON.stringify([...page, row]).length > mostBytes) break;
      page.push(row);
    }
    return { headers: { "record-total": String(rows.length) }, body: page };
  };
}

describe("pages", () => {
  test("cut by size and by rows: it goes on behind what came, and a short page is not the end", async () => {
    const rows = someRows(95).map((row, index) => ({ ...row, pad: "x".repeat((index * 37) % 200) }));
    for (const [mostRows, mostBytes] of [
      [10, 100_000],
      [10, 700],
      [4, 100_000],
      [1_000, 300],
    ] as const) {
      const server = await serve(cutting(rows, mostRows, mostBytes));
      expect((await readHttp(server.url, OFFSET)).rows).toEqual(rows);
    }
  });

  test("whose total changes while they are read are not one dataset", async () => {
    for (const delta of [1, -1, -40]) {
      let asked = 0;
      const server = await serve(({ url }) => {
        asked += 1;
        const from = Number(url.searchParams.get("offset"));
        const total = 50 + (asked > 2 ? delta : 0);
        return {
          headers: { "record-total": String(total) },
          body: someRows(Math.min(10, total - from), from),
        };
      });
      await expect(readHttp(server.url, OFFSET), String(delta)).rejects.toMatchObject({
        code: "SOURCE_CHANGED",
        retryable: true,
      });
    }
  });

  test("that end before the total, or bring more than it, are errors", async () => {
    const few = await serve(({ url }) => ({
      headers: { "record-total": "30" },
      body: Number(url.searchParams.get("offset")) >= 20 ? [] : someRows(10),
    }));
    await expect(readHttp(few.url, OFFSET)).rejects.toMatchObject({
      code: "SOURCE_TRUNCATED",
      detail: { received: 20, total: 30 },
    });
    const gone = await serve(({ url }) =>
      Number(url.searchParams.get("offset")) >= 20
        ? { status: 204 }
        : { headers: { "record-total": "30" }, body: someRows(10) },
    );
    await expect(readHttp(gone.url, OFFSET)).rejects.toMatchObject({ code: "SOURCE_TRUNCATED" });
    const many = await serve(() => ({ headers: { "record-total": "5" }, body: someRows(10) }));
    await expect(readHttp(many.url, OFFSET)).rejects.toMatchObject({ code: "SOURCE_CHANGED" });
    const single = await serve(() => ({ body: { total: 3, rows: someRows(2) } }));
    const options: HttpSourceOptions = {
      rows: "rows",
      paginate: { kind: "single", total: { body: "total" } },
    };
    await expect(readHttp(single.url, options)).rejects.toMatchObject({ code: "SOURCE_TRUNCATED" });
  });

  test("without the total that was promised are errors, and 204 is no row", async () => {
    for (const total of ["", "many", "-1", "1.5", "1e3"]) {
      const server = await serve(() => ({ headers: { "record-total": total }, body: [] }));
      await expect(readHttp(server.url, OFFSET), total).rejects.toMatchObject({ code: "SOURCE_FORMAT" });
    }
    const empty = await serve(() => ({ status: 204 }));
    expect((await readHttp(empty.url, OFFSET)).pages).toEqual([]);
  });

  test("that go in a circle, are empty in between, or never end are given up", async () => {
    const cursor: Paginate = { kind: "cursor", next: "next", cursorPath: "after" };
    const options = { rows: "rows", paginate: cursor };
    const circle = await serve(({ url }) => {
      const after = Number(url.searchParams.get("after") ?? 0);
      return { body: { rows: someRows(2, after), next: (after + 1) % 7 || 1 } };
    });
    await expect(readHttp(circle.url, options)).rejects.toMatchObject({ code: "SOURCE_MALFORMED" });
    expect(circle.got.length).toBeLessThan(10);
    const hollow = await serve(({ url }) => {
      const after = Number(url.searchParams.get("after") ?? 0);
      return { body: { rows: after === 1 ? [] : someRows(2, after), next: after < 3 ? after + 1 : null } };
    });
    await expect(readHttp(hollow.url, options)).rejects.toMatchObject({ code: "SOURCE_TRUNCATED" });
    expect((await readHttp(hollow.url, { ...options, allowEmptyPages: true })).rows).toHaveLength(6);
    const endless = await serve(({ url }) => ({
      body: { rows: someRows(1), next: Number(url.searchParams.get("after") ?? 0) + 1 },
    }));
    await expect(readHttp(endless.url, { ...options, maxPages: 20 })).rejects.toMatchObject({
      code: "SOURCE_TOO_LARGE",
    });
    expect(endless.got).toHaveLength(20);
  });

  test("that say that there is more, and not where, are not all", async () => {
    const paginate = { kind: "cursor", next: "next", more: "more", cursorPath: "at" } as const;
    const bodies: readonly (readonly [Row, unknown])[] = [
      [{ more: true, next: null }, "SOURCE_TRUNCATED"],
      [{ more: true, next: "" }, "SOURCE_TRUNCATED"],
      [{ more: true }, "SOURCE_TRUNCATED"],
      [{ more: "false", next: "2" }, "SOURCE_FORMAT"],
      [{ more: 0, next: "2" }, "SOURCE_FORMAT"],
      [{ more: false, next: "2" }, undefined],
      [{ next: "2" }, undefined],
    ];
    for (const [body, code] of bodies) {
      const server = await serve(() => ({ body: { ...body, data: someRows(2) } }));
      const read = readHttp(server.url, { paginate, rows: "data", quickRetries: 0 });
      if (code === undefined) expect((await read).rows).toHaveLength(2);
      else await expect(read, JSON.stringify(body)).rejects.toMatchObject({ code });
    }
  });

  test("whose link leads to another origin are not followed, unless it is named", async () => {
    const other = await serve(() => ({ body: { rows: someRows(1, 1) } }));
    const server = await serve(() => ({ body: { rows: someRows(1), next: `${other.url}/2` } }));
    const options: HttpSourceOptions = { rows: "rows", paginate: { kind: "json-link", next: "next" } };
    await expect(readHttp(server.url, options)).rejects.toMatchObject({ code: "PERMISSION_DENIED" });
    expect(other.got).toEqual([]);
    expect((await readHttp(server.url, { ...options, linkOrigins: [other.url] })).rows).toEqual(someRows(2));
    // Named or not, the guard of the network has the last word.
    const inside = await serve(() => ({
      body: { rows: someRows(1), next: "http://169.254.169.254/latest" },
    }));
    const all = { ...options, linkOrigins: ["http://169.254.169.254"], allowPrivate: true };
    await expect(readHttp(inside.url, all)).rejects.toMatchObject({ code: "PERMISSION_DENIED" });
  });
});

describe("a resume", () => {
  const shuffled = (rows: readonly Row[], by: number) => [...rows.slice(by), ...rows.slice(0, by)];

  async function resumed(rows: readonly Row[], then: readonly Row[], options: HttpSourceOptions) {
    let current = rows;
    const server = await serve((got, response) => cutting(current, 10, 1e6)(got, response));
    const { pages } = await readHttp(server.url, options);
    const stored = JSON.parse(JSON.stringify(pages[4]?.cursor));
    current = then;
    server.got.length satisfies number;
    return await readHttp(server.url, options, { cursor: stored });
  }

  test("goes on at the next page where all is as it was", async () => {
    const rows = someRows(100);
    expect((await resumed(rows, rows, { ...OFFSET, key: "id" })).rows).toEqual(rows.slice(50));
  });

  test("notices another total, and rows in another order", async () => {
    const rows = someRows(100);
    await expect(resumed(rows, someRows(101), OFFSET)).rejects.toMatchObject({ code: "SOURCE_CHANGED" });
    for (const by of [1, 10, 49, 60]) {
      const asking = resumed(rows, shuffled(rows, 100 - by), { ...OFFSET, key: "id" });
      await expect(asking, `moved by ${by}`).rejects.toMatchObject({ code: "SOURCE_CHANGED" });
    }
  });

  test("of another request, or of another kind of source, is refused", async () => {
    const server = await serve(cutting(someRows(30), 10, 1e6));
    const { pages } = await readHttp(`${server.url}/?week=1`, OFFSET);
    const cursor = pages[0]?.cursor ?? null;
    await expect(readHttp(`${server.url}/?week=2`, OFFSET, { cursor })).rejects.toMatchObject({
      code: "SOURCE_CHANGED",
    });
    await expect(readHttp(server.url, OFFSET, { cursor: { records: 1 } })).rejects.toMatchObject({
      code: "SOURCE_CHANGED",
    });
  });

  test.each(["json", "jsonl", "csv"] as const)(
    "in the middle of one %s answer compares what was read of it",
    async (format) => {
      const text = (rows: readonly Row[]) =>
        format === "json"
          ? JSON.stringify(rows)
          : format === "jsonl"
            ? rows.map((row) => `${JSON.stringify(row)}\n`).join("")
            : ["id,symbol\n", ...rows.map((row) => `${Object.values(row).join(",")}\n`)].join("");
      let body = text(someRows(40));
      const server = await serve(() => ({ body }));
      const options = { format, batchRows: 10 };
      const { pages } = await readHttp(server.url, options);
      const cursor = pages[1]?.cursor ?? null;
      expect((await readHttp(server.url, options, { cursor })).rows).toEqual(someRows(20, 20));
      body = body.replace("S7", "S8");
      await expect(readHttp(server.url, options, { cursor })).rejects.toMatchObject({
        code: "SOURCE_CHANGED",
      });
      body = text(someRows(15));
      await expect(readHttp(server.url, options, { cursor })).rejects.toMatchObject({
        code: "SOURCE_CHANGED",
      });
    },
  );
});

describe("statuses", () => {
  const CATEGORIES: Readonly<Record<string, readonly number[]>> = {
    TRANSIENT: [202, 408, 421, 423, 425, 500, 502, 503, 504, 507, 520, 599],
    RATE_LIMIT: [429],
    PERMISSION: [401, 402, 403, 407, 451, 511],
    SOURCE: [206, 300, 301, 304, 400, 404, 405, 406, 409, 410, 413, 415, 418, 422, 501, 505],
  };
  test.each(Object.entries(CATEGORIES))("of the category %s", async (category, statuses) => {
    for (const status of statuses) {
      const server = await serve(() => ({ status, body: { message: "no" } }));
      const error = await readHttp(server.url).catch((thrown: unknown) => thrown);
      expect(SpineError.is(error) && error.category, String(status)).toBe(category);
      expect((error as SpineError).retryable, String(status)).toBe(
        category === "TRANSIENT" || category === "RATE_LIMIT",
      );
      if (status !== 304)
        expect((error as SpineError).detail).toMatchObject({ status, said: '{"message":"no"}' });
    }
  });

  test("mean what the source says they mean", async () => {
    const server = await serve(({ url }) => ({ status: Number(url.pathname.slice(1)), body: "x" }));
    const status = { 403: "empty", 404: "retry", 418: "rate-limited", 500: "fail", 203: "deny" } as const;
    const outcome = async (code: number) =>
      await readHttp(`${server.url}/${code}`, { status }).catch((error: SpineError) => error.category);
    expect(await outcome(403)).toMatchObject({ rows: [] });
    expect(await outcome(404)).toBe("TRANSIENT");
    expect(await outcome(418)).toBe("RATE_LIMIT");
    expect(await outcome(500)).toBe("SOURCE");
    expect(await outcome(203)).toBe("PERMISSION");
  });

  test("a long wait is left to the step, a short one is not, and an absurd one is capped", async () => {
    const limited = await serve(() => ({ status: 429, headers: { "retry-after": "3600" } }));
    const asking = readHttp(limited.url, { quickRetries: 3 });
    await expect(asking).rejects.toMatchObject({ code: "RATE_LIMITED", retryAfterMs: 3_600_000 });
    expect(limited.got).toHaveLength(1);
    const absurd = await serve(() => ({ status: 503, headers: { "retry-after": "999999999999" } }));
    await expect(readHttp(absurd.url)).rejects.toMatchObject({
      category: "TRANSIENT",
      retryAfterMs: 86_400_000,
    });
    await expect(readHttp(absurd.url, { maxRetryAfterMs: 5_000 })).rejects.toMatchObject({
      retryAfterMs: 5_000,
    });
    const short = await serve(() =>
      short.got.length < 2 ? { status: 429, headers: { "retry-after": "1" } } : { body: [] },
    );
    const start = performance.now();
    await readHttp(short.url, { quickRetries: 3 });
    expect(performance.now() - start).toBeGreaterThan(950);
    expect(short.got).toHaveLength(2);
  });

  test("what may be over in a moment is asked for again at once, a few times", async () => {
    const flaky = await serve(() => (flaky.got.length < 3 ? { status: 500 } : { body: someRows(1) }));
    expect((await readHttp(flaky.url, { quickRetries: 2 })).rows).toEqual(someRows(1));
    const down = await serve(() => ({ status: 500 }));
    await expect(readHttp(down.url, { quickRetries: 2 })).rejects.toMatchObject({ category: "TRANSIENT" });
    expect(down.got).toHaveLength(3);
    const wrong = await serve(() => ({ status: 400 }));
    await expect(readHttp(wrong.url, { quickRetries: 2 })).rejects.toMatchObject({ code: "SOURCE_REFUSED" });
    expect(wrong.got).toHaveLength(1);
  });

  test("a login page is no data, though it comes letter by letter", async () => {
    for (const format of ["csv", "jsonl", "json"] as const) {
      const server = await serve(async (_got, response) => {
        response.writeHead(200, { "content-type": "text/plain", "transfer-encoding": "chunked" });
        for (const letter of "\n<!DOCTYPE html>\n<p>Who\nare you?</p>\n") {
          await new Promise((written) => response.write(letter, () => setImmediate(written)));
        }
        response.end();
        return undefined;
      });
      await expect(readHttp(server.url, { format, batchRows: 1 }), format).rejects.toMatchObject({
        code: "SOURCE_FORMAT",
      });
    }
  });

  test("a login page is no data, however it comes", async () => {
    const page = "<!DOCTYPE html><html><body>Sign in</body></html>";
    const html = { "content-type": "text/html; charset=utf-8" };
    for (const format of ["json", "jsonl", "csv"] as const) {
      for (const answer of [
        { body: page, headers: html },
        { body: page, headers: { "content-type": "application/json" } },
        { body: `\n  ${page.toLowerCase()}` },
        { body: "a,b\n1,2\n", headers: html },
        { body: "Please sign in", headers: html },
      ]) {
        const server = await serve(() => answer);
        await expect(readHttp(server.url, { format })).rejects.toMatchObject({ code: "SOURCE_FORMAT" });
      }
      const login = await serve(({ url }) =>
        url.pathname === "/login"
          ? { body: page, headers: html }
          : { status: 302, headers: { location: "/login" } },
      );
      await expect(readHttp(login.url, { format })).rejects.toMatchObject({ code: "SOURCE_FORMAT" });
      await expect(readHttp({ url: login.url, body: {} }, { format })).rejects.toMatchObject({
        code: "SOURCE_FORMAT",
      });
    }
  });
});

describe("bodies", () => {
  const ROWS = someRows(3).map((row) => ({ ...row, name: "Zürich №" }));
  const CSV = `id,symbol,name\n${ROWS.map((row) => `${Object.values(row).join(",")}\n`).join("")}`;
  const LINES = ROWS.map((row) => `${JSON.stringify(row)}\n`).join("");
  const TEXTS = { json: JSON.stringify(ROWS), jsonl: LINES, csv: CSV } as const;
  const HEAD = "HTTP/1.1 200 OK\r\n";
  const chunked = (bytes: Buffer, size: number) => {
    const pieces: Buffer[] = [];
    for (let from = 0; from < bytes.length; from += size) {
      const piece = bytes.subarray(from, from + size);
      pieces.push(Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from("\r\n"));
    }
    return Buffer.concat([...pieces, Buffer.from("0\r\n\r\n")]);
  };
  /** What is sent, whole, by how its end is told. */
  const FRAMES: Readonly<Record<string, (bytes: Buffer) => Buffer>> = {
    "with a length": (bytes) =>
      Buffer.concat([Buffer.from(`${HEAD}content-length: ${bytes.length}\r\n\r\n`), bytes]),
    "in chunks": (bytes) =>
      Buffer.concat([Buffer.from(`${HEAD}transfer-encoding: chunked\r\n\r\n`), chunked(bytes, 50)]),
    packed: (bytes) => {
      const zip = gzipSync(bytes);
      const head = `${HEAD}content-encoding: gzip\r\ntransfer-encoding: chunked\r\n\r\n`;
      return Buffer.concat([Buffer.from(head), chunked(zip, 40)]);
    },
  };

  test.each([
    ["json", "with a length"],
    ["json", "in chunks"],
    ["json", "packed"],
    ["jsonl", "with a length"],
    ["csv", "in chunks"],
    ["csv", "packed"],
  ] as const)(
    "%s %s: cut at any byte it is an error, and whole only when it is whole",
    async (format, frame) => {
      const whole = FRAMES[frame]?.(Buffer.from(TEXTS[format])) ?? Buffer.alloc(0);
      const source = httpSource({ ...LOCAL, format });
      let cut = 0;
      const server = await serveBytes((socket) => socket.end(whole.subarray(0, cut)));
      for (cut = 0; cut <= whole.length; cut += 1) {
        const rows: Row[] = [];
        let outcome: unknown = null;
        try {
          for await (const page of source.stream({ url: server.url })) rows.push(...page.rows);
        } catch (error) {
          outcome = error;
        }
        if (cut === whole.length) {
          expect(outcome).toBeNull();
          expect(rows).toEqual(ROWS);
        } else {
          expect(SpineError.is(outcome) && outcome.retryable, `${cut}: ${String(outcome)}`).toBe(true);
          expect(["SOURCE_TRUNCATED", "SOURCE_UNAVAILABLE"]).toContain((outcome as SpineError).code);
        }
      }
    },
  );

  test("that end with their connection tell their end by themselves, or are refused", async () => {
    const json = Buffer.from(TEXTS.json);
    let cut = 0;
    const server = await serveBytes((socket) =>
      socket.end(Buffer.concat([Buffer.from(`${HEAD}\r\n`), json.subarray(0, cut)])),
    );
    for (cut = 0; cut < json.length; cut += 1) {
      const error = await readHttp(server.url).catch((thrown: unknown) => thrown);
      expect(SpineError.is(error) && error.code, `${cut}: ${String(error)}`).toBe(
        cut === 0 ? "SOURCE_EMPTY" : "SOURCE_TRUNCATED",
      );
    }
    cut = json.length;
    expect((await readHttp(server.url)).rows).toEqual(ROWS);
    const text = await serveBytes((socket) => socket.end(`${HEAD}\r\n${CSV}`));
    await expect(readHttp(text.url, { format: "csv" })).rejects.toMatchObject({ code: "SOURCE_TRUNCATED" });
    expect((await readHttp(text.url, { format: "csv", allowUnframed: true })).rows).toEqual(ROWS);
  });

  test("that are JSON are read though they call themselves HTML, as many services let them", async () => {
    const html = { "content-type": "text/html; charset=utf-8" };
    const server = await serve(() => ({ body: TEXTS.json, headers: html }));
    expect((await readHttp(server.url)).rows).toEqual(ROWS);
    const delimited = await serve(() => ({ body: "[a],{b}\n1,2\n", headers: html }));
    await expect(readHttp(delimited.url, { format: "csv" })).rejects.toMatchObject({ code: "SOURCE_FORMAT" });
  });

  test("with more behind their packed form are errors, never a part of their rows", async () => {
    const pack = { br: brotliCompressSync, deflate: deflateSync, zstd: zstdCompressSync, gzip: gzipSync };
    for (const [encoding, packed] of Object.entries(pack)) {
      for (const apart of [false, true]) {
        const parts = [packed("a,b\n1,2\n"), packed("3,4\n")];
        const server = await serve((_got, response) => {
          response.writeHead(200, { "content-encoding": encoding });
          if (apart) response.write(parts[0], () => setTimeout(() => response.end(parts[1]), 20));
          else response.end(Buffer.concat(parts));
          return undefined;
        });
        const read = await readHttp(server.url, { format: "csv" }).catch((error: unknown) => error);
        if (SpineError.is(read)) expect(read.code, encoding).toBe("SOURCE_MALFORMED");
        else expect(read, encoding).toMatchObject({ rows: [{ a: "1" }, { a: "3" }] });
      }
    }
  });

  test("of JSON keep the digits of their numbers", async () => {
    const server = await serve(() => ({ body: '[{"id":12345678901234567890,"n":1.5}]' }));
    expect((await readHttp(server.url)).rows).toEqual([{ id: "12345678901234567890", n: 1.5 }]);
  });

  test("are unpacked from one encoding that is known", async () => {
    const packed = {
      gzip: gzipSync(CSV),
      br: brotliCompressSync(CSV),
      deflate: deflateSync(CSV),
      zstd: zstdCompressSync(CSV),
      identity: Buffer.from(CSV),
    };
    for (const [encoding, body] of Object.entries(packed)) {
      const server = await serve(() => ({ headers: { "content-encoding": encoding }, body }));
      expect((await readHttp(server.url, { format: "csv" })).rows, encoding).toEqual(ROWS);
    }
    for (const encoding of ["gzip, gzip", "compress", "gzip, br", "exi"]) {
      const server = await serve(() => ({
        headers: { "content-encoding": encoding },
        body: gzipSync(gzipSync(CSV)),
      }));
      await expect(readHttp(server.url, { format: "csv" })).rejects.toMatchObject({ code: "SOURCE_FORMAT" });
    }
    const lie = await serve(() => ({ headers: { "content-encoding": "gzip" }, body: CSV }));
    await expect(readHttp(lie.url, { format: "csv" })).rejects.toMatchObject({ code: "SOURCE_MALFORMED" });
  });

  test("that are no text in their encoding, no JSON, empty or too large are errors of the source", async () => {
    const answers: readonly (readonly [
      string,
      Buffer | string,
      HttpSourceOptions?,
      Record<string, string>?,
    ])[] = [
      ["SOURCE_ENCODING", Buffer.from([0x5b, 0x22, 0xff, 0x22, 0x5d])],
      ["SOURCE_ENCODING", "[]", {}, { "content-type": "application/json; charset=klingon" }],
      ["SOURCE_MALFORMED", "[1,,2]"],
      ["SOURCE_MALFORMED", "nothing"],
      ["SOURCE_MALFORMED", '[{"a":1}] trailing'],
      ["SOURCE_EMPTY", ""],
      ["SOURCE_EMPTY", " \n"],
      ["SOURCE_EMPTY", "", { format: "jsonl" }],
      ["SOURCE_TOO_LARGE", JSON.stringify(someRows(1_000)), { maxBytes: 10_000 }],
      ["SOURCE_TOO_LARGE", LINES, { format: "jsonl", maxBytes: 100 }],
      ["SOURCE_LINE_TOO_LONG", LINES, { format: "jsonl", text: { maxLineBytes: 10 } }],
    ];
    for (const [code, body, options = {}, headers = {}] of answers) {
      const server = await serve(() => ({ body, headers }));
      await expect(readHttp(server.url, options), String(body).slice(0, 50)).rejects.toMatchObject({
        code,
        category: "SOURCE",
      });
    }
    const latin = await serve(() => ({
      headers: { "content-type": "application/json; charset=iso-8859-1" },
      body: Buffer.from('[{"name":"Z\xfcrich"}]', "latin1"),
    }));
    expect((await readHttp(latin.url)).rows).toEqual([{ name: "Zürich" }]);
  });
});

describe("time", () => {
  const timed = async (
    url: string,
    timeouts: HttpSourceOptions["timeouts"] = {},
    format: "json" | "csv" = "json",
  ) => {
    const start = performance.now();
    const error = await readHttp(url, { timeouts, format }).catch((thrown: unknown) => thrown);
    return { error, took: performance.now() - start };
  };
  test("what the reader takes for himself does not count", async () => {
    const server = await serve(() => ({ body: someRows(30) }));
    const source = httpSource({ ...LOCAL, batchRows: 10, timeouts: { idleMs: 100, totalMs: 200 } });
    let rows = 0;
    for await (const page of source.stream({ url: server.url })) {
      rows += page.rows.length;
      await new Promise((resolve) => setTimeout(resolve, 150));
    }
    expect(rows).toBe(30);
  });

  test("nobody there is a dependency that is away", async () => {
    const { error } = await timed("http://127.0.0.1:1/");
    expect(error).toMatchObject({ code: "SOURCE_UNAVAILABLE", category: "DEPENDENCY", retryable: true });
    const rude = await serveBytes((socket) => socket.end("SSH-2.0-OpenSSH_9.6\r\n"));
    expect((await timed(rude.url)).error).toMatchObject({ code: "SOURCE_MALFORMED" });
    const long = await serve(() => ({ headers: { "x-long": "x".repeat(20_000) }, body: [] }));
    expect((await timed(long.url)).error).toMatchObject({ code: "SOURCE_TOO_LARGE" });
  });

  test("an abort ends it at once, with its reason, and closes the connection", async () => {
    const closed = Promise.withResolvers<void>();
    const stalling = await serve((_got, response) => {
      response.writeHead(200, { "content-type": "text/csv" });
      response.write(`id,symbol\n${"1,A\n".repeat(50)}`);
      response.on("close", () => closed.resolve());
      return undefined;
    });
    const controller = new AbortController();
    const reason = new SpineError("RUN_CANCELLED", "stop");
    const source = httpSource({ ...LOCAL, format: "csv", batchRows: 10 });
    const stream = source
      .stream({ url: stalling.url }, { signal: controller.signal })
      [Symbol.asyncIterator]();
    expect((await stream.next()).value?.rows).toHaveLength(10);
    const next = (async () => {
      for (;;) if ((await stream.next()).done) return;
    })();
    setTimeout(() => controller.abort(reason), 50);
    await expect(next).rejects.toBe(reason);
    await closed.promise;
  });

  test("leaving a stream early closes its connection", async () => {
    const closed = Promise.withResolvers<void>();
    const server = await serve((_got, response) => {
      response.writeHead(200, { "content-type": "text/csv" });
      response.write(`id,symbol\n${"1,A\n".repeat(50)}`);
      void once(response, "close").then(() => closed.resolve());
      return undefined;
    });
    const source = httpSource({ ...LOCAL, format: "csv", batchRows: 10 });
    for await (const _page of source.stream({ url: server.url })) break;
    await closed.promise;
  });
});
