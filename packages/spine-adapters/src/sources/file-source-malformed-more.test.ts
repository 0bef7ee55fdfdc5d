import { gzipSync, zstdCompressSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { fileSource } from "./file-source.ts";
import type { FileSourceOptions } from "./file-source-options.ts";
import { outcomeOf } from "./testing/scratch-file.ts";

type Case = [
  what: string,
  content: string | Uint8Array,
  expected: string,
  options?: FileSourceOptions,
  name?: string,
];

const latin1 = (text: string): Uint8Array => Buffer.from(text, "latin1");
const utf16 = (text: string): Uint8Array => Buffer.from(text, "utf16le");
const utf16be = (text: string): Uint8Array => Buffer.from(text, "utf16le").swap16();
const count: FileSourceOptions = { trailer: "count" };
const byPattern: FileSourceOptions = { trailer: /^99\|(?<count>\d+)\|/ };
const wide = Array.from({ length: 2000 }, (_none, index) => `c${index}`).join(",");

const files: Case[] = [
  // Trailers
  ["TRAILER behind a pipe", "a|b|c\n1|2|3\nTRAILER|1\n", "1", count, "f.psv"],
  ["T behind a comma", "a,b,c\n1,2,3\n4,5,6\nT,2\n", "2", count],
  ["a label in small letters", "a,b,c\n1,2,3\ntrailer,1\n", "1", count],
  ["a label and a colon", "a,b,c\n1,2,3\nTotal records: 1\n", "1", count],
  ["a label and an equals sign", "a,b,c\n1,2,3\nROW_COUNT=1\n", "1", count],
  ["a label, quoted", 'a,b,c\n"1",2,3\n"TRAILER","1"\n', "1", count],
  ["a label in a file of two columns", "a,b\n1,2\nx,3\nT,2\n", "2", count],
  ["a row like a trailer in a file of two columns", "a,b\nT,5\nx,3\nT,2\n", "2", count],
  ["zeros before the count", "a,b,c\n1,2,3\nTRL,0000001\n", "1", count],
  ["a label with another count", "a,b,c\n1,2,3\nT,2\n", "SOURCE_TRAILER", count],
  ["a label without a count", "a,b,c\n1,2,3\nT,\n", "SOURCE_TRAILER", count],
  ["a label that is none", "a,b,c\n1,2,3\nIBM,1\n", "SOURCE_TRAILER", count],
  ["a trailer with a count below zero", "a,b,c\n1,2,3\n-1\n", "SOURCE_TRAILER", count],
  ["a trailer with a fraction", "a,b,c\n1,2,3\n1.0\n", "SOURCE_TRAILER", count],
  ["rows after the trailer", "a,b,c\n1,2,3\nT,1\n4,5,6\n", "SOURCE_TRAILER", count],
  [
    "a trailer cut in its number",
    "a,b\n1,2\n3,4\n5,6\n7,8\n9,0\n1,1\n1,1\n1,1\n1,1\n1,1\n1",
    "SOURCE_TRAILER",
    count,
  ],
  ["a trailer by an expression", "a|b|c\n1|2|3\n99|1|20250101\n", "1", byPattern, "f.psv"],
  ["an expression that meets a row too", "a|b|c\n99|7|x\n99|1|20250101\n", "1", byPattern, "f.psv"],
  ["an expression, another count", "a|b|c\n1|2|3\n99|3|20250101\n", "SOURCE_TRAILER", byPattern, "f.psv"],
  ["an expression, no trailer", "a|b|c\n1|2|3\n", "SOURCE_TRAILER", byPattern, "f.psv"],
  [
    "an expression whose count is no number",
    "a|b\n1|2\nEND many\n",
    "SOURCE_TRAILER",
    { trailer: /^END (?<count>.*)$/ },
    "f.psv",
  ],
  [
    "an expression with a memory",
    "a|b\n1|2\n3|4\nEND 2\n",
    "2",
    { trailer: /^END (?<count>\d+)$/gy },
    "f.psv",
  ],
  ["a trailer that counts a repeated header", "a,b,c\n1,2,3\na,b,c\nT,2\n", "1 REPEATED_HEADER@3", count],
  [
    "a trailer that does not count a skipped header",
    "a,b,c\n1,2,3\na,b,c\nT,1\n",
    "1",
    { ...count, repeatedHeader: "skip" },
  ],

  // Headers in the middle
  ["an appended file with its byte order mark", "\uFEFFa,b\n1,2\n\uFEFFa,b\n3,4\n", "2 REPEATED_HEADER@3"],
  ["the same, skipped", "\uFEFFa,b\n1,2\n\uFEFFa,b\n3,4\n", "2", { repeatedHeader: "skip" }],
  ["an appended file with another header", "a,b\n1,2\na,b,c\n3,4,5\n", "1 RAGGED_ROW@3 RAGGED_ROW@4"],
  ["a header again, quoted", 'a,b\n1,2\n"a","b"\n3,4\n', "2 REPEATED_HEADER@3"],
  ["a header again at the end, without a line end", "a,b\n1,2\na,b", "1 REPEATED_HEADER@3"],
  ["a header again, half of it", "a,b\n1,2\na", "SOURCE_TRUNCATED"],

  // Line ends and marks
  ["LF and CRLF mixed", "a,b\n1,2\r\n3,4\n5,6\r\n", "3"],
  ["two CR before a LF", "a,b\n1,2\r\r\n3,4\n", "2"],
  ["two CR at the end of the file", "a\n1\n\r\r", "2"],
  ["a CR within a row", "a,b\n1\r,2\n3,4\n", "2"],
  ["other line ends of Unicode are text", "a,b\n1\u2028,2\u2029\n3\u0085,4\n", "2"],
  ["vertical tabs and form feeds are text", "a,b\n1\v,\f2\n", "1"],
  ["a second byte order mark", "\uFEFF\uFEFFa,b\n1,2\n", "1"],
  ["a byte order mark before a quote", '\uFEFF"a","b"\n1,2\n', "1"],
  ["only delimiters", "a,b\n,\n,\n", "2"],
  ["only delimiters, too many", "a,b\n,,\n", "0 RAGGED_ROW@2"],
  ["a line of blanks and a tab", "a,b\n \t \n1,2\n", "1 RAGGED_ROW@2"],
  ["a delimiter after each row", "a,b\n1,2,\n3,4,\n", "0 RAGGED_ROW@2 RAGGED_ROW@3"],
  ["control Z at the end", "a,b\n1,2\n\x1A", "SOURCE_TRUNCATED"],

  // Quotes
  ["one quote", 'a,b\n"\n', "SOURCE_TRUNCATED"],
  ["a quote at the very end", 'a,b\n1,"', "SOURCE_TRUNCATED"],
  ["three quotes", 'a,b\n""",1\n', "SOURCE_TRUNCATED"],
  ["four quotes are one", 'a,b\n"""",1\n', "1"],
  ["blanks before a quote", 'a,b\n "x",1\n', "1"],
  ["single quotes are text", "a,b\n'x,y',1\n", "0 RAGGED_ROW@2"],
  ["backslashes escape nothing", 'a,b\n"x\\",1\n', "1"],
  ["a quoted delimiter and a ragged row", 'a,b\n"x,y",1\n"x",y,1\n', "1 RAGGED_ROW@3"],
  ["quoted line ends before a ragged row", 'a,b\n"x\n\n",1\n1\n2,3\n', "2 RAGGED_ROW@5"],
  ["a quoted NUL", 'a,b\n"x\0",1\n2,3\n', "1 NUL_CHARACTER@2"],

  // Shapes
  ["2,000 columns", `${wide}\n${wide.replaceAll("c", "")}\n1,2\n`, "1 RAGGED_ROW@3"],
  ["a header of blanks", " , \n1,2\n", "SOURCE_HEADER"],
  ["a column without a name", "a,\n1,2\n", "1"],
  ["numbers as names", "2,1\nx,y\n", "1"],
  ["one column", "a\n1\n\n2\n", "2"],
  ["no header and another shape below", "1,2\n3,4,5\n", "1 RAGGED_ROW@2", { header: false }],
  ["an HTML page", "<!DOCTYPE html>\n<html><body>Not, here</body></html>\n", "0 RAGGED_ROW@2"],
  ["an HTML page, columns expected", "<!DOCTYPE html>\n<html></html>\n", "SOURCE_HEADER", { columns: ["a"] }],
  ["binary", latin1("\x89PNG\r\n\x1A\n\0\0\0\rIHDR"), "SOURCE_ENCODING"],

  // Encodings
  ["latin-1, named", latin1("a,b\nZ\xFCrich,1\n"), "1", { encoding: "latin1" }],
  ["UTF-16, named", utf16("\uFEFFa,b\nZürich,1\n2,3"), "2", { encoding: "utf-16le" }],
  ["UTF-16 the other way round, named", utf16be("\uFEFFa,b\nZürich,1\n"), "1", { encoding: "utf-16be" }],
  ["UTF-16 the other way round", utf16be("\uFEFFa,b\n1,2\n"), "SOURCE_ENCODING"],
  ["UTF-16 with half a pair", utf16("a,b\n\uD834,1\n"), "SOURCE_ENCODING", { encoding: "utf-16le" }],
  ["UTF-8 said to be UTF-16", "a,b\n1,2\n", "SOURCE_HEADER", { encoding: "utf-16le", columns: ["a", "b"] }],
  ["latin-1 behind 300 kB of ASCII", latin1(`a,b\n${"1,2\n".repeat(75_000)}\xE9,1\n`), "SOURCE_ENCODING"],
  ["windows-1252 without a meaning", latin1("a,b\n\x81,1\n"), "1", { encoding: "windows-1252" }],
  ["Shift_JIS cut in a character", latin1("a,b\n1,\x83"), "SOURCE_TRUNCATED", { encoding: "shift_jis" }],
  ["a character over two pieces", `a,b\n${"x".repeat(256 * 1024 - 7)}€,1\n`, "1"],

  // Archives
  ["gzip of a gzip", gzipSync(gzipSync("a\n1\n")), "SOURCE_FORMAT", {}, "f.csv.gz"],
  ["zstd called gzip", zstdCompressSync("a\n1\n"), "SOURCE_FORMAT", {}, "f.csv.gz"],
  ["gzip called zstd", gzipSync("a\n1\n"), "SOURCE_FORMAT", {}, "f.csv.zst"],
  ["a zip called gzip", latin1("PK\x03\x04"), "SOURCE_FORMAT", {}, "f.csv.gz"],
  ["zeros called gzip", Buffer.alloc(100), "SOURCE_FORMAT", {}, "f.csv.gz"],
  ["a header alone, packed", gzipSync("a,b\n"), "SOURCE_NO_ROWS", {}, "f.csv.gz"],
  ["latin-1, packed", gzipSync(latin1("a\n\xE9\n")), "SOURCE_ENCODING", {}, "f.csv.gz"],
  ["a row cut off, packed whole", gzipSync("a,b\n1,2\n3"), "SOURCE_TRUNCATED", {}, "f.csv.gz"],
  ["jsonl, packed, one line broken", gzipSync('{"a":1}\n{"a"\n'), "1 INVALID_JSON@2", {}, "f.jsonl.gz"],

  // JSON
  ["a byte order mark before JSON", '\uFEFF[{"a":1}]', "1", {}, "f.json"],
  ["a byte order mark before jsonl", '\uFEFF{"a":1}\n', "1", {}, "f.jsonl"],
  ["two documents", '[{"a":1}]\n[{"a":2}]', "SOURCE_MALFORMED", {}, "f.json"],
  ["jsonl called json", '{"a":1}\n{"a":2}\n', "SOURCE_MALFORMED", {}, "f.json"],
  [
    "json called jsonl",
    '[\n{"a":1},\n{"a":2}\n]\n',
    "1 INVALID_JSON@1 INVALID_JSON@2 INVALID_JSON@4",
    {},
    "f.jsonl",
  ],
  ["a comma at the end of each line", '{"a":1},\n{"a":2}\n', "1 INVALID_JSON@1", {}, "f.jsonl"],
  ["NaN in jsonl", '{"a":NaN}\n{"a":2}\n', "1 INVALID_JSON@1", {}, "f.jsonl"],
  ["single quotes in jsonl", "{'a':1}\n{\"a\":2}\n", "1 INVALID_JSON@1", {}, "f.jsonl"],
  ["a bare NUL in jsonl", '{"a":"\0"}\n{"a":2}\n', "1 INVALID_JSON@1", {}, "f.jsonl"],
  ["jsonl with CR alone", '{"a":1}\r{"a":2}\r', "SOURCE_TRUNCATED", {}, "f.jsonl"],
  ["null for a document", "null", "0 INVALID_JSON@1", {}, "f.json"],
];

describe("malformed files", () => {
  test.each(files)("%s", async (_what, content, expected, options = {}, name = "f.csv") => {
    expect(await outcomeOf(content, options, name)).toBe(expected);
  });
});

test("options that make no sense, and those that are unknown, are refused by name", () => {
  const wrong: [object, RegExp][] = [
    [{ trailer: /^T,(\d+)$/ }, /`trailer` must be "count", or an expression with the group/],
    [{ trailer: "bare" }, /`trailer`/],
    [{ compression: "zip" }, /`compression` is none of gz, zst/],
    [{ quote: "'" }, /`quote`/],
    [{ maxRatio: 0 }, /`maxRatio`/],
    [{ maxRowGroupBytes: -1 }, /`maxRowGroupBytes`/],
    [{ maxDecodedBytes: Number.NaN }, /`maxDecodedBytes`/],
    [{ trailers: "count", delimeter: "|" }, /no option `trailers`, `delimeter`. There are name, roots/],
  ];
  for (const [options, message] of wrong)
    expect(() => fileSource(options as FileSourceOptions)).toThrow(message);
});
