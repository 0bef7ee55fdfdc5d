import { open, stat, utimes, writeFile } from "node:fs/promises";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { type ColumnSource, parquetWriteBuffer } from "hyparquet-writer";
import type { Row } from "spine-core";
import { testSource } from "spine-core/testing";
import { describe, expect, test } from "vitest";
import { fileSource } from "./file-source.ts";
import { readContent, readPath, scratchDirectory, scratchFile } from "./testing/scratch-file.ts";

type WriteOptions = Omit<Parameters<typeof parquetWriteBuffer>[0], "columnData">;

/** A file of these columns. */
function parquet(columnData: ColumnSource[], options: WriteOptions = {}): Uint8Array {
  return new Uint8Array(parquetWriteBuffer({ columnData, ...options }));
}

function ofRows(rows: readonly Row[], options: WriteOptions = {}): Uint8Array {
  const names = Object.keys(rows[0] ?? { id: "" });
  return parquet(
    names.map((name) => ({ name, data: rows.map((row) => row[name]) as never, type: "STRING" })),
    options,
  );
}

testSource("fileSource parquet", {
  make: async (rows, pageRows) => ({
    source: fileSource({ roots: ["/"], batchRows: pageRows }),
    request: { path: await scratchFile("rows.parquet", ofRows(rows, { rowGroupSize: 4 })) },
  }),
  broken: async () => ({
    source: fileSource({ roots: [await scratchDirectory()] }),
    request: { path: "missing.parquet" },
  }),
});

const many = Array.from({ length: 1000 }, (_none, index) => ({
  id: index,
  price: index / 4,
  name: `n${index}`,
}));
const manyColumns: ColumnSource[] = [
  { name: "id", data: many.map(({ id }) => id), type: "INT32" },
  { name: "price", data: many.map(({ price }) => price), type: "DOUBLE" },
  { name: "name", data: many.map(({ name }) => name), type: "STRING" },
];

describe("values", () => {
  test("decimals and large numbers are exact, times keep their digits, what JSON has no word for is named", async () => {
    const day = Date.UTC(2025, 0, 10, 12, 30, 15, 250);
    const file = parquetWriteBuffer({
      schema: [
        { name: "root", num_children: 12 },
        {
          name: "d32",
          type: "INT32",
          repetition_type: "OPTIONAL",
          converted_type: "DECIMAL",
          scale: 2,
          precision: 9,
        },
        {
          name: "d64",
          type: "INT64",
          repetition_type: "OPTIONAL",
          converted_type: "DECIMAL",
          scale: 6,
          precision: 18,
        },
        {
          name: "fixed",
          type: "FIXED_LEN_BYTE_ARRAY",
          type_length: 16,
          repetition_type: "OPTIONAL",
          converted_type: "DECIMAL",
          scale: 4,
          precision: 38,
        },
        { name: "big", type: "INT64", repetition_type: "OPTIONAL" },
        { name: "ratio", type: "DOUBLE", repetition_type: "OPTIONAL" },
        { name: "day", type: "INT32", repetition_type: "OPTIONAL", converted_type: "DATE" },
        { name: "ms", type: "INT64", repetition_type: "OPTIONAL", converted_type: "TIMESTAMP_MILLIS" },
        { name: "us", type: "INT64", repetition_type: "OPTIONAL", converted_type: "TIMESTAMP_MICROS" },
        {
          name: "local_ns",
          type: "INT64",
          repetition_type: "OPTIONAL",
          logical_type: { type: "TIMESTAMP", isAdjustedToUTC: false, unit: "NANOS" },
        },
        { name: "bytes", type: "BYTE_ARRAY", repetition_type: "OPTIONAL" },
        { name: "text", type: "BYTE_ARRAY", repetition_type: "OPTIONAL", converted_type: "UTF8" },
        { name: "yes", type: "BOOLEAN", repetition_type: "OPTIONAL" },
      ],
      columnData: [
        { name: "d32", data: [12_345n, -5n, null] },
        { name: "d64", data: [120_000_500_000n, -1n, null] },
        { name: "fixed", data: [12_345_678_901_234_567_890n, -1n, null] },
        { name: "big", data: [2n ** 53n + 1n, 42n, null] },
        { name: "ratio", data: [0.1, Number.NaN, Number.NEGATIVE_INFINITY] },
        { name: "day", data: [20_098, -1, null] },
        { name: "ms", data: [BigInt(day), -1n, null] },
        { name: "us", data: [BigInt(day) * 1000n + 7n, -1n, null] },
        { name: "local_ns", data: [BigInt(day) * 1_000_000n + 7n, -1n, null] },
        { name: "bytes", data: [new Uint8Array([255, 0, 1]), new Uint8Array([]), null] as never },
        { name: "text", data: ["Zürich €", "", null] },
        { name: "yes", data: [true, false, null] },
      ] as never,
      rowGroupSize: 2,
    });
    const { rows, rejects, lines } = await readContent(new Uint8Array(file), {}, "rows.parquet");
    expect(rejects).toEqual([]);
    expect(lines).toEqual([1, 2, 3]);
    expect(rows).toEqual([
      {
        d32: "123.45",
        d64: "120000.500000",
        fixed: "1234567890123456.7890",
        big: "9007199254740993",
        ratio: 0.1,
        day: "2025-01-10",
        ms: "2025-01-10T12:30:15.250Z",
        us: "2025-01-10T12:30:15.250007Z",
        local_ns: "2025-01-10T12:30:15.250000007",
        bytes: "/wAB",
        text: "Zürich €",
        yes: true,
      },
      {
        d32: "-0.05",
        d64: "-0.000001",
        fixed: "-0.0001",
        big: 42,
        ratio: "NaN",
        day: "1969-12-31",
        ms: "1969-12-31T23:59:59.999Z",
        us: "1969-12-31T23:59:59.999999Z",
        local_ns: "1969-12-31T23:59:59.999999999",
        bytes: "",
        text: "",
        yes: false,
      },
      {
        ...Object.fromEntries(["d32", "d64", "fixed", "big"].map((name) => [name, null])),
        ratio: "-Infinity",
        ...Object.fromEntries(
          ["day", "ms", "us", "local_ns", "bytes", "text", "yes"].map((name) => [name, null]),
        ),
      },
    ]);
  });

  test("a NUL character is a reject", async () => {
    const { rows, rejects } = await readContent(ofRows([{ a: "x" }, { a: "y\0" }]), {}, "rows.parquet");
    expect(rows).toEqual([{ a: "x" }]);
    expect(rejects).toMatchObject([{ code: "NUL_CHARACTER", line: 2 }]);
  });

  const codecs: [string, WriteOptions][] = [
    ["UNCOMPRESSED", { codec: "UNCOMPRESSED" }],
    ["SNAPPY", { codec: "SNAPPY" }],
    ["GZIP", { codec: "GZIP", compressors: { GZIP: (bytes) => gzipSync(bytes) } }],
    ["ZSTD", { codec: "ZSTD", compressors: { ZSTD: (bytes) => zstdCompressSync(bytes) } }],
  ];
  test.each(codecs)("pages packed with %s", async (_codec, options) => {
    const { rows } = await readContent(
      parquet(manyColumns, { ...options, rowGroupSize: 300 }),
      {},
      "rows.parquet",
    );
    expect(rows).toEqual(many);
  });
});

describe("row groups", () => {
  test("a resumed stream does not read the groups before its own", async () => {
    const bytes = parquet(manyColumns, { rowGroupSize: 100 });
    const path = await scratchFile("rows.parquet", bytes);
    const whole = await readPath(path, { batchRows: 100 });
    expect(whole.pages).toHaveLength(10);
    const cursor = whole.pages[4]?.cursor ?? null;
    expect((await readPath(path, { batchRows: 100 }, { cursor })).rows).toEqual(many.slice(500));
    // The first half of the file is destroyed: whoever read it would fail. Its state is kept, its content is not.
    const { atime, mtime } = await stat(path);
    await utimes(path, atime, mtime);
    const fresh = await readPath(path, { batchRows: 100 });
    const handle = await open(path, "r+");
    await handle.write(
      Buffer.alloc(Math.floor(bytes.length / 3), 0xff),
      0,
      Math.floor(bytes.length / 3) - 4,
      4,
    );
    await handle.close();
    await utimes(path, atime, mtime);
    // A cursor of an earlier version does not know when the file was changed last.
    const { ctimeMs: _changed, ...older } = (fresh.pages[4]?.cursor ?? {}) as { readonly ctimeMs?: number };
    const resumed = await readPath(path, { batchRows: 100 }, { cursor: older });
    expect(resumed.rows).toEqual(many.slice(500));
    await expect(readPath(path)).rejects.toMatchObject({ code: expect.stringMatching(/^SOURCE_/) });
    // Whoever sets a file's time back is found out all the same.
    const since = { cursor: fresh.pages[4]?.cursor ?? null };
    await expect(readPath(path, { batchRows: 100 }, since)).rejects.toMatchObject({ code: "SOURCE_CHANGED" });
  });

  test("a resumption in the middle of a group", async () => {
    const path = await scratchFile("rows.parquet", parquet(manyColumns, { rowGroupSize: 300 }));
    const whole = await readPath(path, { batchRows: 70 });
    for (const [index, { cursor }] of whole.pages.entries()) {
      const before = whole.pages.slice(0, index + 1).reduce((sum, { rows }) => sum + rows.length, 0);
      expect((await readPath(path, { batchRows: 70 }, { cursor })).rows).toEqual(many.slice(before));
    }
  });

  test("one that is too large is refused before it is read", async () => {
    const bytes = parquet(manyColumns);
    await expect(readContent(bytes, { maxRowGroupBytes: 5_000 }, "rows.parquet")).rejects.toMatchObject({
      code: "SOURCE_TOO_LARGE",
    });
  });
});

describe("damage", () => {
  test("columns that are not the expected ones", async () => {
    const bytes = ofRows([{ a: "1", b: "2" }]);
    await expect(readContent(bytes, { columns: ["b", "a"] }, "f.parquet")).rejects.toMatchObject({
      code: "SOURCE_HEADER",
    });
    expect((await readContent(bytes, { columns: ["a", "b"] }, "f.parquet")).rows).toHaveLength(1);
  });

  test("what is no parquet", async () => {
    const wrong: [string | Uint8Array, string][] = [
      ["", "SOURCE_EMPTY"],
      ["PA", "SOURCE_FORMAT"],
      ["a,b\n1,2\n", "SOURCE_FORMAT"],
      ["PARE0000PARE", "SOURCE_FORMAT"],
      ["PAR1", "SOURCE_TRUNCATED"],
      ["PAR1PAR1", "SOURCE_TRUNCATED"],
      ["PAR1\xff\xff\xff\x7fPAR1", "SOURCE_MALFORMED"],
      ["PAR1\0\0\0\0PAR1", "SOURCE_MALFORMED"],
      [ofRows([]), "SOURCE_NO_ROWS"],
    ];
    for (const [content, code] of wrong) {
      const bytes = typeof content === "string" ? Buffer.from(content, "latin1") : content;
      await expect(readContent(bytes, {}, "f.parquet"), JSON.stringify(content)).rejects.toMatchObject({
        code,
      });
    }
  });

  test("few bytes that stand for many values are too large all the same", async () => {
    const same = Array.from({ length: 100_000 }, () => "x");
    const bytes = parquet([{ name: "a", data: same, type: "STRING" }], { rowGroupSize: same.length });
    expect(bytes.length).toBeLessThan(2_000);
    await expect(readContent(bytes, { maxRowGroupBytes: 700_000 }, "f.parquet")).rejects.toMatchObject({
      code: "SOURCE_TOO_LARGE",
    });
    expect((await readContent(bytes, { maxRowGroupBytes: 800_000 }, "f.parquet")).rows).toHaveLength(100_000);
  });

  test("a file cut anywhere is an error", async () => {
    const bytes = parquet(
      manyColumns.map(({ data, ...rest }) => ({ ...rest, data: data.slice(0, 40) })) as never,
      {
        rowGroupSize: 20,
      },
    );
    const path = await scratchFile("rows.parquet", bytes);
    for (let length = 0; length < bytes.length; length += 5) {
      await writeFile(path, bytes.subarray(0, length));
      await expect(readPath(path), `cut at ${length}`).rejects.toMatchObject({
        code: expect.stringMatching(/^SOURCE_/),
      });
    }
  });

  test("a description that counts other rows than there are", async () => {
    const bytes = Buffer.from(parquet(manyColumns, { rowGroupSize: 1000 }));
    // The number of rows is written twice, as a varint: 1000 is D0 0F.
    let changed = 0;
    for (let at = bytes.length - 400; at < bytes.length - 8; at++) {
      if (bytes[at] !== 0xd0 || bytes[at + 1] !== 0x0f) continue;
      const other = Buffer.from(bytes);
      other[at] = 0xd2;
      const code = await readContent(other, {}, "f.parquet").then(
        ({ rows }) => (rows.length === 1000 ? "whole" : `${rows.length} rows`),
        (error: { code?: string }) => error.code,
      );
      // It may stand in a statistic that nobody asks.
      expect(code).toMatch(/^(whole|SOURCE_MALFORMED)$/);
      if (code !== "whole") changed += 1;
    }
    expect(changed).toBeGreaterThan(0);
  });
});
