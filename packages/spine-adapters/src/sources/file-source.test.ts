import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Row } from "spine-core";
import { testSource } from "spine-core/testing";
import { describe, expect, test } from "vitest";
import { fileSource } from "./file-source.ts";
import type { FileSourceOptions } from "./file-source-options.ts";
import { readContent, readPath, scratchDirectory, scratchFile } from "./testing/scratch-file.ts";

const quoted = (rows: readonly Row[], delimiter: string, end: string): string =>
  [["id", "symbol", "note"], ...rows.map((row) => Object.values(row).map(String))]
    .map((fields) => fields.map((field) => `"${field.replaceAll('"', '""')}"`).join(delimiter) + end)
    .join("");

const formats: Record<string, (rows: readonly Row[]) => string> = {
  csv: (rows) => quoted(rows, ",", "\n"),
  psv: (rows) => quoted(rows, "|", "\r\n"),
  tsv: (rows) => quoted(rows, "\t", "\n"),
  jsonl: (rows) => rows.map((row) => `${JSON.stringify(row)}\n`).join(""),
  json: (rows) => JSON.stringify(rows),
};

for (const [format, write] of Object.entries(formats)) {
  testSource(`fileSource ${format}`, {
    make: async (rows, pageRows) => {
      const path = await scratchFile(`rows.${format}`, write(rows));
      return { source: fileSource({ roots: ["/"], batchRows: pageRows }), request: { path } };
    },
    broken: async () => ({
      source: fileSource({ roots: [await scratchDirectory()] }),
      request: { path: `missing.${format}` },
    }),
  });
}

describe("delimited files", () => {
  test("values are strings exactly as they stand there", async () => {
    const { rows } = await readContent("symbol,price,note\nTRUE, 01.50 ,\nNAN,1e3,a b \nINF,-0,\u00a0\n");
    expect(rows).toEqual([
      { symbol: "TRUE", price: " 01.50 ", note: "" },
      { symbol: "NAN", price: "1e3", note: "a b " },
      { symbol: "INF", price: "-0", note: "\u00a0" },
    ]);
  });

  test("quoted fields hold delimiters, quotes and line ends, and lines stay exact", async () => {
    const { rows, lines } = await readContent(
      'a,b\r\n"x,""y""","1\r\n2\n3"\r\n\r\np,q\r\n"",""\r\nlast,"z\r"\r\n',
    );
    expect(rows).toEqual([
      { a: 'x,"y"', b: "1\r\n2\n3" },
      { a: "p", b: "q" },
      { a: "", b: "" },
      { a: "last", b: "z\r" },
    ]);
    expect(lines).toEqual([2, 6, 7, 8]);
  });

  test("with quote: null a quote is a character like any other", async () => {
    const { rows } = await readContent('a|b\n"x|5" nail\n', { quote: null }, "file.psv");
    expect(rows).toEqual([{ a: '"x', b: '5" nail' }]);
  });

  test("a byte order mark, mixed line ends and blank lines are no data", async () => {
    const { rows, lines } = await readContent("\uFEFFa,b\r\n1,2\n\n\r\n3,4\r\n5,6");
    expect(rows).toEqual([
      { a: "1", b: "2" },
      { a: "3", b: "4" },
      { a: "5", b: "6" },
    ]);
    expect(lines).toEqual([2, 5, 6]);
  });

  test("a blank line is no value of a single column, a pair of quotes is", async () => {
    const { rows, lines } = await readContent('a\n1\n\n""\n2\n');
    expect(rows).toEqual([{ a: "1" }, { a: "" }, { a: "2" }]);
    expect(lines).toEqual([2, 4, 5]);
  });

  test("without a header, columns are given or numbered", async () => {
    expect((await readContent("1,2\n3,4\n", { header: false })).rows).toEqual([
      { col_0: "1", col_1: "2" },
      { col_0: "3", col_1: "4" },
    ]);
    const named = await readContent("1,2\n3\n", { header: false, columns: ["a", "b"] });
    expect(named.rows).toEqual([{ a: "1", b: "2" }]);
    expect(named.rejects).toMatchObject([{ code: "RAGGED_ROW", line: 2 }]);
  });

  test("names of Object.prototype are columns like any others", async () => {
    const { rows } = await readContent("constructor,toString,hasOwnProperty\n1,2,3\n");
    expect(Object.entries(rows[0] ?? {})).toEqual([
      ["constructor", "1"],
      ["toString", "2"],
      ["hasOwnProperty", "3"],
    ]);
  });

  test("other encodings are read when they are named", async () => {
    const latin = Buffer.from("name,n\nZ\xFCrich,1\n", "latin1");
    expect((await readContent(latin, { encoding: "windows-1252" })).rows).toEqual([
      { name: "Zürich", n: "1" },
    ]);
    const utf16 = Buffer.from("\uFEFFname,n\nZürich,1\n", "utf16le");
    expect((await readContent(utf16, { encoding: "utf-16le" })).rows).toEqual([{ name: "Zürich", n: "1" }]);
  });
});

describe("format", () => {
  const cases: [string, string, FileSourceOptions][] = [
    ["file.csv", "a,b\n1,2\n", {}],
    ["file.PSV", "a|b\n1|2\n", {}],
    ["file.tsv", "a\tb\n1\t2\n", {}],
    ["file.csv", "a|b\n1|2\n", { format: "psv" }],
    ["file.txt", "a;b\n1;2\n", { delimiter: ";" }],
    ["file.json", '[{"a":"1","b":"2"}]', {}],
    ["file.json", '{"a":"1","b":"2"}', {}],
    ["file.jsonl", '{"a":"1","b":"2"}\r\n\r\n', {}],
    ["file.ndjson", '{"a":"1","b":"2"}', {}],
    ["file", '{"a":"1","b":"2"}', { format: "jsonl" }],
  ];
  test.each(cases)("%s %j %j", async (name, content, options) => {
    expect((await readContent(content, options, name)).rows).toEqual([{ a: "1", b: "2" }]);
  });

  test("__proto__ in JSON changes no prototype", async () => {
    const { rows } = await readContent('{"a":1,"__proto__":{"admin":true}}\n', {}, "file.jsonl");
    expect(rows).toEqual([{ a: 1 }]);
    expect(Object.getPrototypeOf(rows[0])).toBe(Object.prototype);
  });
});

describe("pages", () => {
  test("rows and rejects fill a page together, and the cursor tells where it ends", async () => {
    const { pages } = await readContent("a,b\n1,2\n3\n5,6\n7,8\n9\n", { batchRows: 2 });
    expect(pages.map((page) => [page.rows.length, page.rejects?.length])).toEqual([
      [1, 1],
      [2, 0],
      [0, 1],
    ]);
    expect(pages.map((page) => page.cursor)).toMatchObject([
      { records: 2, line: 3, size: 20 },
      { records: 4, line: 5, size: 20 },
      { records: 5, line: 6, size: 20 },
    ]);
    expect(pages.reduce((sum, page) => sum + (page.bytes ?? 0), 0)).toBe(20);
    expect(pages.every((page) => page.totalBytes === 20)).toBe(true);
  });

  test("a resumed stream delivers the rest, rejects included, and counts only its bytes", async () => {
    const path = await scratchFile("file.csv", "a,b\n1,2\n3\n5,6\n7,8\n9\n");
    const whole = await readPath(path, { batchRows: 1 });
    for (const [index, page] of whole.pages.entries()) {
      const rest = await readPath(path, { batchRows: 1 }, { cursor: page.cursor });
      expect(rest.pages.map(({ rows, rejects, lines }) => ({ rows, rejects, lines }))).toEqual(
        whole.pages.slice(index + 1).map(({ rows, rejects, lines }) => ({ rows, rejects, lines })),
      );
      const bytes = (pages: typeof whole.pages): number =>
        pages.reduce((sum, { bytes = 0 }) => sum + bytes, 0);
      expect(Math.abs(bytes(rest.pages) - bytes(whole.pages.slice(index + 1)))).toBeLessThanOrEqual(4);
    }
  });

  test("relative paths start at the first root", async () => {
    const directory = await scratchDirectory();
    await writeFile(join(directory, "rows.csv"), "a\n1\n");
    const source = fileSource({ roots: [directory] });
    for await (const page of source.stream({ path: "rows.csv" })) expect(page.rows).toEqual([{ a: "1" }]);
    expect.assertions(1);
  });
});

test("options that no file could be read with are refused at once", () => {
  const wrong: FileSourceOptions[] = [
    { delimiter: "" },
    { delimiter: "||" },
    { delimiter: "\n" },
    { delimiter: '"' },
    { encoding: "klingon" },
    { batchRows: 0 },
    { maxLineBytes: 1.5 },
    { columns: ["a", "a"] },
    { columns: ["__proto__"] },
    { roots: [] },
  ];
  for (const options of wrong) {
    expect(() => fileSource(options), JSON.stringify(options)).toThrow(
      expect.objectContaining({ code: "CONFIG_INVALID" }),
    );
  }
});
