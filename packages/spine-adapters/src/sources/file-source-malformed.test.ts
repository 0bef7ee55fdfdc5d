import { describe, expect, test } from "vitest";
import { type FileCase, latin1, MALFORMED_FILES } from "./testing/malformed-files.ts";
import { outcomeOf, readContent } from "./testing/scratch-file.ts";

const abc = ["a", "b", "c"];

describe("malformed files", () => {
  test.each(MALFORMED_FILES)("%s", async (_what, content, expected, options = {}, name = "f.csv") => {
    expect(await outcomeOf(content, options, name)).toBe(expected);
  });
});

describe("what errors say", () => {
  const messages: FileCase[] = [
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
