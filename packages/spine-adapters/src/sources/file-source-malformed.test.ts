import { describe, expect, test } from "vitest";
import type { FileSourceOptions } from "./file-source-options.ts";
import { outcomeOf, readContent } from "./testing/scratch-file.ts";

/** What a file must come to: an error's code, or `rows/rejects` with each reject as `CODE@line`. */
type Case = [
  what: string,
  content: string | Uint8Array,
  expected: string,
  options?: FileSourceOptions,
  name?: string,
];

const latin1 = (text: string): Uint8Array => Buffer.from(text, "latin1");
const abc = ["a", "b", "c"];

const files: Case[] = [
  // Nothing there
  ["0 bytes", "", "SOURCE_EMPTY"],
  ["only a byte order mark", "\uFEFF", "SOURCE_EMPTY"],
  ["only blank lines", "\n\r\n\n", "SOURCE_EMPTY"],
  ["0 bytes of jsonl", "", "SOURCE_EMPTY", {}, "f.jsonl"],
  ["blanks for json", " \n", "SOURCE_EMPTY", {}, "f.json"],
  ["header only", "a,b\n", "SOURCE_NO_ROWS"],
  ["header only, no line end", "a,b", "SOURCE_NO_ROWS"],
  ["header only, allowed", "a,b\n", "0", { allowNoRows: true }],
  ["an empty array", "[]", "SOURCE_NO_ROWS", {}, "f.json"],
  ["blank lines of jsonl", "\n\n", "SOURCE_NO_ROWS", {}, "f.jsonl"],

  // Headers
  ["a column is missing", "a,b\n1,2\n", "SOURCE_HEADER", { columns: abc }],
  ["a column too many", "a,b,c,d\n1,2,3,4\n", "SOURCE_HEADER", { columns: abc }],
  ["another order", "b,a,c\n1,2,3\n", "SOURCE_HEADER", { columns: abc }],
  ["another case", "A,b,c\n1,2,3\n", "SOURCE_HEADER", { columns: abc }],
  ["blanks around names", "a, b,c\n1,2,3\n", "SOURCE_HEADER", { columns: abc }],
  ["the expected header", "a,b,c\n1,2,3\n", "1", { columns: abc }],
  ["the expected header, quoted", '"a","b","c"\n1,2,3\n', "1", { columns: abc }],
  ["data in place of the header", "1,2,3\n4,5,6\n", "SOURCE_HEADER", { columns: abc }],
  ["a name twice", "a,b,a\n1,2,3\n", "SOURCE_HEADER"],
  ["two names empty", "a,,\n1,2,3\n", "SOURCE_HEADER"],
  ["__proto__", "a,__proto__\n1,2\n", "SOURCE_HEADER"],
  ["line ends of bare CR", "a,b\r1,2\r3,4\r", "SOURCE_HEADER"],
  ["another delimiter than expected", "a|b|c\n1|2|3\n", "SOURCE_DELIMITER", { columns: abc }],
  ["another delimiter than expected, quoted", '"a";"b";"c"\n1;2;3\n', "SOURCE_DELIMITER", { columns: abc }],
  ["another delimiter, nothing expected", "a|b|c\n1|2|3\n", "SOURCE_DELIMITER"],
  ["a single column that holds a delimiter, as expected", "a|b\n1\n", "1", { columns: ["a|b"] }],
  ["malformed quotes in the header", '"a"x",b\n1,2\n', "SOURCE_HEADER"],
  ["malformed quotes from the header on", '"a"x,b\n1,2\n', "SOURCE_MALFORMED"],
  ["the header ends early", "a,b", "SOURCE_TRUNCATED", { columns: abc }],
  ["a repeated header is rejected", "a,b\n1,2\na,b\n3,4\n", "2 REPEATED_HEADER@3"],
  ["a repeated header is skipped", "a,b\na,b\n1,2\na,b\n3,4\na,b\n", "2", { repeatedHeader: "skip" }],
  ["a row that begins like the header", "a,b\na,2\n", "1"],

  // Records
  ["too few fields", "a,b,c\n1,2\n3,4,5\n", "1 RAGGED_ROW@2"],
  ["too many fields", "a,b\n1,2,3\n4,5\n", "1 RAGGED_ROW@2"],
  ["too many fields at the end, no line end", "a,b\n1,2\n1,2,3", "1 RAGGED_ROW@3"],
  ["only blanks", "a,b\n   \n1,2\n", "1 RAGGED_ROW@2"],
  ["every row is ragged", "a,b\n1\n2\n", "0 RAGGED_ROW@2 RAGGED_ROW@3"],
  ["NUL in a field", "a,b\n1,\0\n2,3\n", "1 NUL_CHARACTER@2"],
  ["text after a closing quote", 'a,b\n"x"y,1\n"z",2\n', "0 MALFORMED_QUOTES@2"],
  ["text after a closing quote, found again in its line", 'a,b\n"x"y",1\n"z",2\n', "1 MALFORMED_QUOTES@2"],
  ["a quote within an unquoted field", 'a,b\n5" nail,1\n', "1"],
  ["text after a closing quote up to the end", 'a,b\n1,2\n"x"y,3\nz,4\n', "SOURCE_MALFORMED"],
  ["an unclosed quote", 'a,b\n1,2\n"x,3\ny,4\n', "SOURCE_TRUNCATED"],
  ["an unclosed quote in the last field", 'a,b\n1,"2', "SOURCE_TRUNCATED"],
  ["a quote closed at the end of the file", 'a,b\n1,"2"', "1"],
  ["a quote closed before a CR at the end of the file", 'a,b\n1,"2"\r', "1"],
  ["a line too long", `a,b\n1,2\n${"x".repeat(200)},3\n`, "SOURCE_LINE_TOO_LONG", { maxLineBytes: 100 }],
  [
    "a line too long in bytes",
    `a,b\n1,2\n${"ü".repeat(60)},3\n`,
    "SOURCE_LINE_TOO_LONG",
    { maxLineBytes: 100 },
  ],
  ["a line just short enough", `a,b\n${"x".repeat(98)},3\n`, "1", { maxLineBytes: 100 }],
  ["a header too long", `${"a".repeat(200)},b\n1,2\n`, "SOURCE_LINE_TOO_LONG", { maxLineBytes: 100 }],
  [
    "a jsonl line too long",
    `{"a":"${"x".repeat(200)}"}\n`,
    "SOURCE_LINE_TOO_LONG",
    { maxLineBytes: 100 },
    "f.jsonl",
  ],
  [
    "an unclosed quote before much text",
    `a,b\n"x,1\n${"y,2\n".repeat(99)}`,
    "SOURCE_LINE_TOO_LONG",
    { maxLineBytes: 99 },
  ],
  [
    "malformed quotes before much text",
    `a,b\n"x"y,1\n${"y,2\n".repeat(99)}`,
    "SOURCE_MALFORMED",
    { maxLineBytes: 99 },
  ],

  // The end of the file
  ["no line end", "a,b\n1,2", "1"],
  ["one line, no line end, too short", "a,b\n1", "SOURCE_TRUNCATED"],
  ["the last row is found to be cut off", "a,b\n1,2026-0", "SOURCE_TRUNCATED", { lastRow: wholeDate }],
  ["the last row is found to be whole", "a,b\n1,2026-01-05", "1", { lastRow: wholeDate }],
  ["a last row with a line end is not asked about", "a,b\n1,2026-0\n", "1", { lastRow: wholeDate }],
  ["the right trailer", "a,b\n1,2\n3,4\n2\n", "2", { trailer: "count" }],
  ["the right trailer, no line end", "a,b\r\n1,2\r\n3,4\r\n2", "2", { trailer: "count" }],
  ["the right trailer, blank lines after", "a,b\n1,2\n1\n\n\n", "1", { trailer: "count" }],
  ["the trailer counts rejects", "a,b\n1,2\n3\n2\n", "1 RAGGED_ROW@3", { trailer: "count" }],
  ["a wrong trailer", "a,b\n1,2\n3,4\n3\n", "SOURCE_TRAILER", { trailer: "count" }],
  ["no trailer", "a,b\n1,2\n3,4\n", "SOURCE_TRAILER", { trailer: "count" }],
  ["two trailers", "a,b\n1,2\n1\n3,4\n3\n", "2 RAGGED_ROW@3", { trailer: "count" }],
  ["a trailer of none", "a,b\n0\n", "SOURCE_NO_ROWS", { trailer: "count" }],
  ["a trailer of none, allowed", "a,b\n0\n", "0", { trailer: "count", allowNoRows: true }],
  ["a trailer in a file of one column", "a\n7\n8\n2\n", "2", { trailer: "count" }],
  ["a trailer that nobody announced", "a,b\n1,2\n1\n", "1 RAGGED_ROW@3"],

  // Encodings
  ["latin-1", latin1("a,b\nZ\xFCrich,1\n"), "SOURCE_ENCODING"],
  ["latin-1 in the last byte", latin1("a,b\n1,\xE9"), "SOURCE_TRUNCATED"],
  ["half a character at the end", Buffer.from("a,b\n1,ü").subarray(0, -1), "SOURCE_TRUNCATED"],
  ["a lone continuation byte", latin1("a,b\n\x80,1\n"), "SOURCE_ENCODING"],
  ["an overlong form", latin1("a,b\n\xC0\xAF,1\n"), "SOURCE_ENCODING"],
  ["an encoded surrogate", latin1("a,b\n\xED\xA0\x80,1\n"), "SOURCE_ENCODING"],
  ["0xFF", latin1("a,b\n1,\xFF"), "SOURCE_ENCODING"],
  ["UTF-16 with a byte order mark", Buffer.from("\uFEFFa,b\n1,2\n", "utf16le"), "SOURCE_ENCODING"],
  ["UTF-16 without one", Buffer.from("a,b\n1,2\n", "utf16le"), "SOURCE_ENCODING"],
  [
    "half of a UTF-16 unit",
    Buffer.from("a,b\n1,2\n", "utf16le").subarray(0, -1),
    "SOURCE_TRUNCATED",
    { encoding: "utf-16le" },
  ],
  ["gzip", latin1("\x1F\x8B\x08\0"), "SOURCE_FORMAT"],
  ["zip", latin1("PK\x03\x04\0"), "SOURCE_FORMAT"],
  ["zstd", latin1("\x28\xB5\x2F\xFD\0"), "SOURCE_FORMAT"],
  ["an extension that says nothing", "a,b\n1,2\n", "SOURCE_FORMAT", {}, "f.txt"],

  // JSON
  [
    "lines that are no objects",
    '{"a":1}\n[1]\n"x"\n5\nnull\n{"a":2}\n',
    "2 INVALID_JSON@2 INVALID_JSON@3 INVALID_JSON@4 INVALID_JSON@5",
    {},
    "f.jsonl",
  ],
  [
    "lines that are no JSON",
    '{"a":1}\n{"a":\n{a:1}\n{"a":2}\n',
    "2 INVALID_JSON@2 INVALID_JSON@3",
    {},
    "f.jsonl",
  ],
  ["a last line cut off", '{"a":1}\n{"a":', "SOURCE_TRUNCATED", {}, "f.jsonl"],
  [
    "NUL and half a surrogate pair in JSON",
    '{"a":"\\u0000"}\n{"a":"\\uD800"}\n{"a":"\\ud83d\\ude00"}\n',
    "1 INVALID_JSON@1 INVALID_JSON@2",
    {},
    "f.jsonl",
  ],
  [
    "nested too deeply",
    `{"a":${"[".repeat(100)}${"]".repeat(100)}}\n{"a":1}\n`,
    "1 INVALID_JSON@1",
    {},
    "f.jsonl",
  ],
  [
    "nested absurdly deeply",
    `{"a":${"[".repeat(1e5)}${"]".repeat(1e5)}}\n{"a":1}\n`,
    "1 INVALID_JSON@1",
    {},
    "f.jsonl",
  ],
  ["a document with other things in its array", '[{"a":1},5,{"a":2}]', "2 INVALID_JSON@2", {}, "f.json"],
  [
    "a document nested absurdly deeply",
    `[${"[".repeat(1e5)}${"]".repeat(1e5)}]`,
    "0 INVALID_JSON@1",
    {},
    "f.json",
  ],
  ["a document cut off", '[{"a":1},{"a":', "SOURCE_TRUNCATED", {}, "f.json"],
  ["a document cut off in a string", '[{"a":1},{"a":"x', "SOURCE_TRUNCATED", {}, "f.json"],
  ["an error page", "<!DOCTYPE html><html></html>", "SOURCE_MALFORMED", {}, "f.json"],
  ["a document too large", `[${'{"a":1},'.repeat(50)}{}]`, "SOURCE_TOO_LARGE", { maxBytes: 100 }, "f.json"],
];

function wholeDate(row: Readonly<Record<string, unknown>>): string | null {
  return /^\d{4}-\d\d-\d\d$/.test(String(row.b)) ? null : "its last field is no date";
}

describe("malformed files", () => {
  test.each(files)("%s", async (_what, content, expected, options = {}, name = "f.csv") => {
    expect(await outcomeOf(content, options, name)).toBe(expected);
  });
});

describe("what errors say", () => {
  const messages: Case[] = [
    [
      "a letter that begins like UTF-8",
      latin1("a,b\nSoci\xE9t\xE9,1\n"),
      "Byte 0xE9 at offset 8 is not valid UTF-8",
    ],
    ["offset", latin1(`a,b\n${"x,y\n".repeat(99)}\xFC,1\n`), "Byte 0xFC at offset 400 is not valid UTF-8"],
    ["offset behind a BOM", latin1("\xEF\xBB\xBFa,\xFC,b\n"), "offset 5"],
    ["UTF-16", Buffer.from("\uFEFFa", "utf16le"), "it is utf-16le. Convert it to UTF-8, or set `encoding`."],
    ["columns", "a,x,y\n", 'missing "b", "c"; unexpected "x", "y"', { columns: abc }],
    ["order", "b,a,c\n", 'in another order: column 1 is "b" instead of "a"', { columns: abc }],
    ["delimiter", "a\tb\tc\n", 'separated by "\\t", not by ","', { columns: abc }],
    ["trailer", "a,b\n1,2\n9\n", "announces 9 records, the file has 1", { trailer: "count" }],
    ["fields", "a,b,c\n1,2,3\n4", "cut off in line 3: it has 1 of 3 fields"],
    ["line", `a,b\n1,2\n${"x".repeat(200)}`, "Line 3 is longer than 100 bytes", { maxLineBytes: 100 }],
    [
      "quote",
      `a,b\n"x\n${"y\n".repeat(200)}`,
      "a quote that opens there is not closed",
      { maxLineBytes: 100 },
    ],
  ];
  test.each(messages)("%s", async (_what, content, part, options = {}) => {
    await expect(readContent(content, options)).rejects.toThrow(part);
  });

  test("rejects hold the record as it stands in the file, and say what is wrong", async () => {
    const { rejects } = await readContent(
      'a,b\n1\r\n"x, ""y""",2,"3\n4"\n5,\0\n"p"q",6\n"r"s,7\n"t",8\n',
      {},
    );
    expect(rejects).toEqual([
      { code: "RAGGED_ROW", line: 2, raw: "1", message: "Expected 2 fields, found 1." },
      { code: "RAGGED_ROW", line: 3, raw: '"x, ""y""",2,"3\n4"', message: "Expected 2 fields, found 3." },
      { code: "NUL_CHARACTER", line: 5, raw: "5,\u2400", message: expect.stringContaining("NUL") },
      {
        code: "MALFORMED_QUOTES",
        line: 6,
        raw: '"p"q",6',
        message: expect.not.stringContaining("goes on to line"),
      },
      { code: "MALFORMED_QUOTES", line: 7, raw: '"r"s,7\n"t",8', message: expect.stringContaining("line 8") },
    ]);
  });
});
