import { createHash } from "node:crypto";
import { zstdCompressSync, zstdDecompressSync } from "node:zlib";
import type { Row } from "spine-core";
import { expect, test } from "vitest";
import { decodeLines, decodeRows, encodeChunk, mergeColumns } from "./chunk-codec.ts";

const hashOf = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");
const roundTrip = (rows: readonly Row[]) => {
  const { data, hash } = encodeChunk(rows, null);
  return decodeRows(data, hash);
};

test("rows of changing shapes come back in their order, with their keys in order", () => {
  const rows = [{ a: 1, b: 2 }, { b: 2, a: 1 }, { a: 1 }, { a: 3 }, {}, {}, { "": "empty key", b: null }];
  const decoded = roundTrip(rows);
  expect(decoded).toStrictEqual(rows);
  expect(decoded.map((row) => Object.keys(row))).toEqual(rows.map((row) => Object.keys(row)));
});

test("values of the wire survive: exponents, negative zero as zero, dates as text", () => {
  expect(roundTrip([{ a: 1e21, b: 5e-324, c: new Date(0) }])).toEqual([
    { a: 1e21, b: 5e-324, c: "1970-01-01T00:00:00.000Z" },
  ]);
});

test("a __proto__ key does not reach the prototype", () => {
  const row = JSON.parse('{"__proto__":{"polluted":true},"a":1}') as Row;
  const [decoded] = roundTrip([row]);
  expect(decoded).toStrictEqual({ a: 1 });
  expect((decoded as { polluted?: boolean }).polluted).toBeUndefined();
});

test("keys that are undefined do not make another hash", () => {
  const hash = (rows: readonly Row[]) => encodeChunk(rows, null).hash;
  expect(hash([{ a: 1, b: undefined }])).toBe(hash([{ a: 1 }]));
  expect(hash([{ a: 1, b: null }])).not.toBe(hash([{ a: 1 }]));
});

test("lines are stored as the starts of their runs", () => {
  const lines = [2, 3, 4, 10, 11, 5, 5];
  const encoded = encodeChunk(
    lines.map(() => ({})),
    lines,
  ).lines;
  expect(encoded).toBe("[[0,2],[3,10],[5,5],[6,5]]");
  expect(decodeLines(encoded, lines.length)).toEqual(lines);
  expect(decodeLines(encodeChunk([], []).lines, 0)).toEqual([]);
});

test("lines that are not parallel to the rows are refused", () => {
  expect(() => encodeChunk([{ a: 1 }], [1, 2])).toThrow(/1 rows and 2 lines/);
});

test("rows with another hash are not taken for those that were stored", () => {
  const { data } = encodeChunk([{ a: 1 }], null);
  expect(() => decodeRows(data, encodeChunk([{ a: 2 }], null).hash)).toThrow(/another hash/);
});

test("the columns of chunks and the types in them", () => {
  const columns = (rows: readonly Row[]) => encodeChunk(rows, null).columns;
  const first = columns([{ b: 1, a: "x" }, { a: null }, { c: [1] }]);
  const second = columns([{ a: true, d: { e: 1 }, b: undefined }]);
  expect(mergeColumns([first, null, second])).toEqual({
    b: ["number"],
    a: ["boolean", "null", "string"],
    c: ["array"],
    d: ["object"],
  });
  expect(Object.keys(mergeColumns([first, second]))).toEqual(["b", "a", "c", "d"]);
  const many = columns(Array.from({ length: 1_200 }, (_, index) => ({ [`c${index}`]: 1 })));
  expect(Object.keys(mergeColumns([many, first]))).toHaveLength(1_000);
});

test("texts come back whatever they hold, and columns of other values beside them", () => {
  const odd = [
    "",
    "\x7F",
    "a\x7Fb",
    "\n",
    "\uD800",
    "\uD834\uDD1E",
    "\u2028",
    '"',
    "\\",
    "\r\n",
    "\0",
    "€",
    "x".repeat(70_000),
  ];
  const rows: Row[] = odd.flatMap((text, n) => [
    { text, plain: `p${n}`, n },
    { text: "", plain: "", n: null },
  ]);
  expect(roundTrip(rows)).toStrictEqual(rows);
  for (const text of odd) expect(roundTrip([{ text }])).toStrictEqual([{ text }]);
  expect(roundTrip([{ a: "" }, { a: "" }])).toStrictEqual([{ a: "" }, { a: "" }]);
  expect(roundTrip([{ a: "x" }, { a: 1 }, { a: "y", b: "z" }, { a: "q" }])).toStrictEqual([
    { a: "x" },
    { a: 1 },
    { a: "y", b: "z" },
    { a: "q" },
  ]);
  expect(roundTrip([])).toEqual([]);
});

test("chunks of earlier versions are read", () => {
  const head = JSON.stringify([
    {
      keys: ["a", "b"],
      rows: 2,
      columns: [
        ["x", "y"],
        [1, null],
      ],
    },
  ]);
  expect(decodeRows(zstdCompressSync(head), hashOf(Buffer.from(head)))).toEqual([
    { a: "x", b: 1 },
    { a: "y", b: null },
  ]);
});

test("a chunk that lacks its end is not taken for a whole one", () => {
  const whole = zstdDecompressSync(encodeChunk([{ a: "one" }, { a: "two" }], null).data);
  for (const bytes of [whole.subarray(0, -2), Buffer.concat([whole, Buffer.from("x")])])
    expect(() => decodeRows(zstdCompressSync(bytes), hashOf(bytes))).toThrow(/bytes, not/);
});
