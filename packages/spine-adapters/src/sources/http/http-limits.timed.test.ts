// What needs the machine for itself: times that are kept, and memory that stays free.

import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { constants, createBrotliCompress, createGzip, createZstdCompress } from "node:zlib";
import { describe, expect, test } from "vitest";
import { LOCAL, readHttp, serve, someRows } from "../testing/http-server.ts";
import { httpSource } from "./http-source.ts";
import type { HttpSourceOptions } from "./http-source-options.ts";

const MIB = 1024 * 1024;

test("one who never answers, stalls, or sends a byte a second is given up in time", async () => {
  const silent = await serve(() => undefined);
  const stalling = await serve((_got, response) => {
    response.write("id,symbol\n");
    return undefined;
  });
  const dripping = await serve((_got, response) => {
    response.writeHead(200, { "content-type": "text/csv" });
    response.write("i");
    const timer = setInterval(() => response.write("d"), 1_000);
    response.on("close", () => clearInterval(timer));
    return undefined;
  });
  const cases = [
    [silent.url, { headersMs: 1_000 }, 1_000, "headersMs"],
    [stalling.url, { idleMs: 1_000 }, 1_000, "idleMs"],
    [dripping.url, { idleMs: 1_500, totalMs: 2_500 }, 2_500, "totalMs"],
    [silent.url, { totalMs: 1_000 }, 1_000, "totalMs"],
  ] as const;
  const giveUp = async (url: string, timeouts: HttpSourceOptions["timeouts"], format: "json" | "csv") => {
    const start = performance.now();
    const error = await readHttp(url, { timeouts: timeouts ?? {}, format }).catch(
      (thrown: unknown) => thrown,
    );
    return { error, took: performance.now() - start };
  };
  // The first request of a process loads what it needs.
  await giveUp(silent.url, { headersMs: 50 }, "json");
  await Promise.all(
    cases.flatMap(([url, timeouts, limit, option]) =>
      (["json", "csv"] as const).map(async (format) => {
        // A bare timer, set at the same time, says how late this machine is.
        const start = performance.now();
        const bare = delay(limit).then(() => performance.now() - start);
        const { error, took } = await giveUp(url, timeouts, format);
        const message = expect.stringContaining(option) as string;
        expect(error).toMatchObject({ code: "SOURCE_TIMEOUT", category: "TIMEOUT", message });
        expect(took).toBeGreaterThan(limit * 0.9);
        expect(took).toBeLessThan((await bare) * 1.1 + 200);
      }),
    ),
  );
});

describe("what becomes large when it is unpacked", () => {
  const PACKERS = {
    gzip: () => createGzip({ level: 9 }),
    br: () => createBrotliCompress({ params: { [constants.BROTLI_PARAM_QUALITY]: 5 } }),
    zstd: () => createZstdCompress(),
  } as const;

  /** So many MiB of a character, packed: without ever being in memory. */
  async function bomb(encoding: keyof typeof PACKERS, mib: number, begin: string): Promise<Buffer> {
    const block = " ".repeat(MIB);
    return await packed(encoding, [begin, ...Array.from({ length: mib }, () => block)]);
  }

  async function packed(encoding: keyof typeof PACKERS, texts: readonly string[]): Promise<Buffer> {
    const packer = PACKERS[encoding]();
    const pieces: Buffer[] = [];
    packer.on("data", (piece: Buffer) => pieces.push(piece));
    for (const text of texts) if (!packer.write(text)) await once(packer, "drain");
    packer.end();
    await once(packer, "end");
    return Buffer.concat(pieces);
  }

  const BOMBS = [
    ["gzip", "json", "["],
    ["gzip", "jsonl", '{"a":1}\n'],
    ["br", "json", "["],
    ["br", "csv", "a,b\n1,2\n"],
    ["zstd", "csv", "a,b\n1,2\n"],
  ] as const;

  test.each(BOMBS)("128 MiB of %s as %s are refused, and take no memory", async (encoding, format, begin) => {
    const body = await bomb(encoding, 128, begin);
    // What reading takes anyway is taken before: code, buffers, a packed body of the usual kind.
    const usual = await packed(encoding, [begin, ...someRows(20_000).map((row) => JSON.stringify(row))]);
    const server = await serve(({ url }) =>
      url.pathname === "/usual"
        ? { headers: { "content-encoding": encoding }, body: usual }
        : { headers: { "content-type": "text/plain", "content-encoding": encoding }, body },
    );
    const source = httpSource({
      ...LOCAL,
      format,
      text: format === "csv" ? { maxLineBytes: 1024 * MIB } : {},
    });
    const read = async (path: string) => {
      for await (const page of source.stream({ url: `${server.url}${path}` })) void page;
    };
    await read("/usual").catch(() => {});
    const before = process.memoryUsage.rss();
    let peak = before;
    const timer = setInterval(() => {
      peak = Math.max(peak, process.memoryUsage.rss());
    }, 1);
    const start = performance.now();
    const outcome = await read("/bomb").catch((error: unknown) => error);
    peak = Math.max(peak, process.memoryUsage.rss());
    clearInterval(timer);
    expect(outcome).toMatchObject({ category: "SOURCE", retryable: false });
    expect((outcome as { code: string }).code).toMatch(/^SOURCE_(?:TOO_LARGE|LINE_TOO_LONG)$/);
    expect((peak - before) / MIB).toBeLessThanOrEqual(32);
    expect(performance.now() - start).toBeLessThan(5_000);
  });

  test("a body without an end is read no further than `maxBytes`", async () => {
    const server = await serve((_got, response) => {
      const block = Buffer.from(JSON.stringify(someRows(10_000)).slice(1));
      response.write("[");
      const more = () => {
        while (response.writable && response.write(block));
      };
      response.on("drain", more);
      more();
      return undefined;
    });
    await expect(readHttp(server.url, { maxBytes: 8 * MIB })).rejects.toMatchObject({
      code: "SOURCE_TOO_LARGE",
    });
  });
});
