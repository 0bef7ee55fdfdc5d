import { appendFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { constants, gzipSync, zstdCompressSync } from "node:zlib";
import type { Row } from "spine-core";
import { testSource } from "spine-core/testing";
import { describe, expect, test } from "vitest";
import { fileSource } from "./file-source.ts";
import { readContent, readPath, scratchDirectory, scratchFile } from "./testing/scratch-file.ts";

// As `zstd` itself writes: with a checksum, without which damage may go unseen.
const zstd = (content: Uint8Array | string): Buffer =>
  zstdCompressSync(content, { params: { [constants.ZSTD_c_checksumFlag]: 1 } });
const packers = { gz: (content: Uint8Array | string): Buffer => gzipSync(content), zst: zstd };
const kinds = Object.entries(packers) as ["gz" | "zst", (content: Uint8Array | string) => Buffer][];

/** Bytes that do not compress, as lines. */
function noise(lines: number, seed = 1): string {
  let state = seed;
  const next = (): string => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state.toString(36);
  };
  return Array.from({ length: lines }, () => `${next()},${next()}\n`).join("");
}

for (const [kind, pack] of kinds) {
  testSource(`fileSource jsonl.${kind}`, {
    make: async (rows: readonly Row[], pageRows) => {
      const path = await scratchFile(
        `rows.jsonl.${kind}`,
        pack(rows.map((row) => `${JSON.stringify(row)}\n`).join("")),
      );
      return { source: fileSource({ roots: ["/"], batchRows: pageRows }), request: { path } };
    },
    broken: async () => ({
      source: fileSource({ roots: [await scratchDirectory()] }),
      request: { path: `missing.csv.${kind}` },
    }),
  });
}

describe.each(kinds)("%s", (kind, pack) => {
  const name = `rows.csv.${kind}`;

  test("the extension before it is the format, and an option names what no name does", async () => {
    const rows = [{ a: "1", b: "2" }];
    expect((await readContent(pack("a|b\n1|2\n"), {}, `rows.psv.${kind}`)).rows).toEqual(rows);
    expect((await readContent(pack('[{"a":"1","b":"2"}]'), {}, `rows.json.${kind}`)).rows).toEqual(rows);
    expect((await readContent(pack("a,b\n1,2\n"), { compression: kind }, "rows.csv")).rows).toEqual(rows);
    expect((await readContent("a,b\n1,2\n", { compression: null, format: "csv" }, name)).rows).toEqual(rows);
    await expect(readContent(pack("a,b\n1,2\n"), {}, `rows.${kind}`)).rejects.toMatchObject({
      code: "SOURCE_FORMAT",
    });
    await expect(readContent(pack("a,b\n1,2\n"), {}, "rows.csv")).rejects.toThrow(
      /its name or `compression`/,
    );
    await expect(readContent("a,b\n1,2\n", {}, name)).rejects.toMatchObject({ code: "SOURCE_FORMAT" });
  });

  test("0 bytes, packed or not", async () => {
    for (const content of ["", pack("")]) {
      await expect(readContent(content, {}, name)).rejects.toMatchObject({ code: "SOURCE_EMPTY" });
      expect((await readContent(content, { allowEmpty: true }, name)).rows).toEqual([]);
    }
  });

  test("an archive cut at any byte is SOURCE_TRUNCATED, never a beginning taken for the whole", async () => {
    const whole = pack(`a,b\n${noise(150)}`);
    const path = await scratchFile(name, whole);
    for (
      let length = 1;
      length < whole.length;
      length += length < 40 || length > whole.length - 20 ? 1 : 13
    ) {
      await writeFile(path, whole.subarray(0, length));
      const code = await readPath(path).then(
        () => "read",
        (error: { code?: string }) => error.code,
      );
      expect(code, `cut at ${length} of ${whole.length}`).toBe("SOURCE_TRUNCATED");
    }
  });

  test("damage anywhere is an error, or nothing that counts", async () => {
    const text = `a,b\n${noise(100)}`;
    const whole = pack(text);
    const good = await readContent(whole, {}, name);
    const path = await scratchFile(name, whole);
    let errors = 0;
    for (let at = 0; at < whole.length; at += 7) {
      const damaged = Buffer.from(whole);
      damaged[at] = (damaged[at] ?? 0) ^ 0x55;
      await writeFile(path, damaged);
      const found = await readPath(path).catch((error: unknown) => error);
      if (found instanceof Error) {
        expect(found).toHaveProperty("code", expect.stringMatching(/^SOURCE_/));
        errors += 1;
      } else expect((found as typeof good).rows, `byte ${at}`).toEqual(good.rows);
    }
    expect(errors).toBeGreaterThan(whole.length / 7 / 2);
  });

  test("all members are read, wherever their borders lie, and zeros behind the last are padding", async () => {
    const parts = [`a,b\n${noise(30_000)}`, noise(10, 2), noise(30_000, 3)];
    const count = 60_010;
    const packed = Buffer.concat([...parts.map((part) => pack(part)), Buffer.alloc(512)]);
    expect((await readContent(packed, {}, name)).rows).toHaveLength(count);
    await expect(readContent(Buffer.concat([packed, Buffer.from("x,y\n")]), {}, name)).rejects.toMatchObject({
      code: "SOURCE_MALFORMED",
    });
    const cut = Buffer.concat([pack(parts[0] ?? ""), pack(noise(10, 2)).subarray(0, -3)]);
    await expect(readContent(cut, {}, name)).rejects.toMatchObject({ code: "SOURCE_TRUNCATED" });
    await expect(
      readContent(Buffer.concat([pack("a,b\n1,2\n"), Buffer.from("trailing")]), {}, name),
    ).rejects.toMatchObject({
      code: "SOURCE_MALFORMED",
    });
  });

  test("a member that ends where a piece of the file does is not the last one", async () => {
    // Padded to the very size in which files are read.
    const size = 256 * 1024;
    const random = Buffer.from(noise(60_000)).toString("base64");
    let low = 0;
    let high = random.length;
    const first = (length: number): Buffer => pack(`a,b\n"${random.slice(0, length)}",1\n`);
    while (high - low > 1) {
      const middle = (low + high) >>> 1;
      if (first(middle).length <= size) low = middle;
      else high = middle;
    }
    const head = first(low);
    for (const shift of [0, size - head.length]) {
      const filler = shift === 0 ? Buffer.alloc(0) : Buffer.alloc(shift);
      if (kind === "zst" && shift > 0) continue;
      const found = await readContent(Buffer.concat([head, pack("2,3\n"), filler]), {}, name);
      expect(found.rows).toHaveLength(2);
    }
    expect(head.length).toBeGreaterThan(size - 64);
  });

  test("bombs are refused early, with little memory", async () => {
    const bomb = pack(Buffer.alloc(24 * 1024 * 1024, `${"1234567 ".repeat(200)},1\n`));
    expect(bomb.length).toBeLessThan(80_000);
    const before = process.memoryUsage.rss();
    const drain = async (options: object): Promise<number> => {
      const path = await scratchFile(name, bomb);
      let rows = 0;
      for await (const page of fileSource({ roots: ["/"], header: false, ...options }).stream({ path }))
        rows += page.rows.length;
      return rows;
    };
    await expect(drain({})).rejects.toMatchObject({
      code: "SOURCE_TOO_LARGE",
      message: expect.stringContaining("More than 250 times its size"),
    });
    await expect(drain({ maxDecodedBytes: 1_000_000 })).rejects.toThrow(/More than 1000000 bytes/);
    expect(process.memoryUsage.rss() - before).toBeLessThan(128 * 1024 * 1024);
    await expect(readContent(pack(Buffer.alloc(5_000_000)), {}, name)).rejects.toMatchObject({
      code: "SOURCE_LINE_TOO_LONG",
    });
    await expect(
      readContent(pack(`["${"x".repeat(5_000_000)}"]`), { maxBytes: 1_000_000 }, `f.json.${kind}`),
    ).rejects.toMatchObject({ code: "SOURCE_TOO_LARGE" });
  });

  test("a stream goes on behind a page, and a change meanwhile is seen", async () => {
    const path = await scratchFile(name, pack(`a,b\n${noise(20_000)}`));
    const { pages, rows } = await readPath(path, { batchRows: 7_000 });
    const rest = await readPath(path, { batchRows: 7_000 }, { cursor: pages[0]?.cursor ?? null });
    expect(rest.rows).toEqual(rows.slice(7_000));
    const stream = fileSource({ roots: ["/"], batchRows: 100 })
      .stream({ path })
      [Symbol.asyncIterator]();
    await stream.next();
    await appendFile(path, pack("9,9\n"));
    const drain = async (): Promise<void> => {
      while (!(await stream.next()).done);
    };
    await expect(drain()).rejects.toMatchObject({ code: "SOURCE_CHANGED" });
  });

  test("an abort ends it with its reason", async () => {
    const directory = await scratchDirectory();
    await writeFile(join(directory, name), pack(`a,b\n${noise(100_000)}`));
    const controller = new AbortController();
    const reason = new Error("stop");
    const aborted = async (): Promise<void> => {
      const source = fileSource({ roots: [directory], batchRows: 10 });
      for await (const _page of source.stream({ path: name }, { signal: controller.signal }))
        controller.abort(reason);
    };
    await expect(aborted()).rejects.toBe(reason);
  });
});
