import { execFileSync } from "node:child_process";
import { appendFile, mkdir, rename, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { createSpine, defineWorkflow, type JsonValue, type Page, silentLogger } from "spine-core";
import { testSource } from "spine-core/testing";
import { describe, expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { memory } from "../databases/sqlite.ts";
import type { FileCursor } from "./file-cursor.ts";
import { fileSource } from "./file-source.ts";
import type { FileSourceOptions } from "./file-source-options.ts";
import { segmentMatcher } from "./glob-pattern.ts";
import { scratchDirectory, scratchFile } from "./testing/scratch-file.ts";

testSource("fileSource over several files", {
  make: async (rows, pageRows) => {
    const root = await scratchDirectory();
    // Three rows in a file; one file at least.
    for (let at = 0; at === 0 || at < rows.length; at += 3) {
      const text = rows.slice(at, at + 3).map((row) => `${JSON.stringify(row)}\n`);
      await writeFile(join(root, `part-${String(at).padStart(3, "0")}.jsonl`), text.join(""));
    }
    return { source: fileSource({ roots: [root], batchRows: pageRows }), request: { glob: "part-*.jsonl" } };
  },
  broken: async () => ({
    source: fileSource({ roots: [await scratchDirectory()] }),
    request: { glob: "*.csv" },
  }),
});

/** A folder with these files. */
async function folderOf(files: Readonly<Record<string, string | Uint8Array>>): Promise<string> {
  const root = await scratchDirectory();
  for (const [name, content] of Object.entries(files)) {
    await mkdir(join(root, name, ".."), { recursive: true });
    await writeFile(join(root, name), content);
  }
  return root;
}

async function read(
  root: string,
  glob: string,
  options: FileSourceOptions = {},
  cursor: JsonValue | null = null,
): Promise<Page[]> {
  const pages: Page[] = [];
  for await (const page of fileSource({ roots: [root], ...options }).stream({ glob }, { cursor }))
    pages.push(page);
  return pages;
}

const rowsOf = (pages: readonly Page[]) => pages.flatMap(({ rows }) => rows);
const filesOf = (pages: readonly Page[]) => pages.map(({ cursor }) => (cursor as FileCursor).among?.file);

const tree = {
  "b.csv": "n\n3\n",
  "a.csv": "n\n1\n2\n",
  "B.csv": "n\n0\n",
  "a.txt": "n\n9\n",
  ".hidden.csv": "n\n9\n",
  "2015/01/x.csv": "n\n4\n",
  "2015/02/y.csv": "n\n5\n",
  "2015/02/z.csv.gz": gzipSync("n\n6\n"),
  ".git/q.csv": "n\n9\n",
};

describe("which files", () => {
  const patterns: [string, string[]][] = [
    ["*.csv", ["B.csv", "a.csv", "b.csv"]],
    ["[ab].csv", ["a.csv", "b.csv"]],
    ["[!a].csv", ["B.csv", "b.csv"]],
    ["?.{csv,psv}", ["B.csv", "a.csv", "b.csv"]],
    ["a.csv", ["a.csv"]],
    ["2015/*/*", ["2015/01/x.csv", "2015/02/y.csv", "2015/02/z.csv.gz"]],
    ["2015/0[2-9]/*.csv*", ["2015/02/y.csv", "2015/02/z.csv.gz"]],
    ["**/*.csv", ["2015/01/x.csv", "2015/02/y.csv", "B.csv", "a.csv", "b.csv"]],
    ["**/y.csv", ["2015/02/y.csv"]],
    ["2015/**", ["2015/01/x.csv", "2015/02/y.csv", "2015/02/z.csv.gz"]],
    ["./2015//01/*", ["2015/01/x.csv"]],
    [".hidden*", [".hidden.csv"]],
  ];
  test.each(patterns)("%s, in the order of their names", async (glob, names) => {
    const pages = await read(await folderOf(tree), glob, { format: "csv" });
    expect(filesOf(pages)).toEqual(names);
  });

  test("an absolute pattern below a root, and a path that looks like a pattern", async () => {
    const root = await folderOf({ ...tree, "[a].csv": "n\n7\n" });
    expect(filesOf(await read(root, `${root}/2015/*/x.csv`))).toEqual(["2015/01/x.csv"]);
    const rows: unknown[] = [];
    for await (const page of fileSource({ roots: [root] }).stream({ path: "[a].csv" }))
      rows.push(...page.rows);
    expect(rows).toEqual([{ n: "7" }]);
  });

  test("none is SOURCE_NOT_FOUND", async () => {
    const root = await folderOf(tree);
    for (const glob of ["*.psv", "2016/*", "a.csv/*", "nowhere/**/*.csv", "[z-a].csv", "{a,b", "x{1,2}y"]) {
      await expect(read(root, glob), glob).rejects.toMatchObject({ code: "SOURCE_NOT_FOUND" });
    }
  });

  test("nothing leads out of the roots, and what is no file is not left out", async () => {
    const outside = await scratchFile("secret.csv", "n\n1\n");
    const root = await folderOf(tree);
    const denied = [
      "../*",
      "2015/../../*",
      `${outside}`,
      `${join(outside, "..")}/*`,
      "/etc/*",
      "/etc/passwd",
      "",
      "\0*",
      "/proc/self/*",
      "..",
    ];
    for (const glob of denied) {
      await expect(read(root, glob), glob).rejects.toMatchObject({ code: "PERMISSION_DENIED" });
    }
    await symlink(outside, join(root, "link.csv"));
    await symlink(join(outside, ".."), join(root, "up"));
    await symlink("/proc/self", join(root, "self"));
    await symlink("/no/such/place.csv", join(root, "dangling.csv"));
    for (const glob of [
      "l*.csv",
      "up/*.csv",
      "up/*",
      "u*/none*",
      "self/*",
      "s*/environ",
      "self/cwd/*",
      "d*.csv",
    ]) {
      await expect(read(root, glob), glob).rejects.toMatchObject({ code: "PERMISSION_DENIED" });
    }
    // Links within the roots are followed, links to folders not by `**`.
    await symlink("2015", join(root, "year"));
    expect(filesOf(await read(root, "year/*/x.csv"))).toEqual(["year/01/x.csv"]);
    expect(filesOf(await read(root, "**/x.csv"))).toEqual(["2015/01/x.csv"]);
    await symlink("..", join(root, "2015", "loop"));
    expect(filesOf(await read(root, "2015/**/x.csv"))).toEqual(["2015/01/x.csv"]);
    execFileSync("mkfifo", [join(root, "pipe.csv")]);
    await expect(read(root, "p*.csv")).rejects.toMatchObject({ code: "SOURCE_NOT_A_FILE" });
  });

  test("a pattern of many stars takes no time", () => {
    const start = performance.now();
    expect(segmentMatcher(`${"*a".repeat(60)}*b`)("a".repeat(250))).toBe(false);
    expect(segmentMatcher(`${"{a,b}".repeat(40)}`)("a".repeat(40))).toBe(false);
    expect(performance.now() - start).toBeLessThan(1000);
    expect(segmentMatcher("{a,b}{1,2}-[]-x]*")("b2-")).toBe(false);
    expect(segmentMatcher("*.c?v")("x.cäv")).toBe(true);
    expect(segmentMatcher("𝄞?")("𝄞𝄞")).toBe(true);
    expect(segmentMatcher("a+(b).$^|")("a+(b).$^|")).toBe(true);
  });
});

describe("as one source", () => {
  test("rows and lines are those of each file, and a reject names its file", async () => {
    const root = await folderOf({ "1.csv": "a,b\n1,2\n3\n", "2.csv": "a,b\r\n5,6\r\n7,8,9\r\n" });
    const pages = await read(root, "*.csv");
    expect(rowsOf(pages)).toEqual([
      { a: "1", b: "2" },
      { a: "5", b: "6" },
    ]);
    expect(pages.map(({ lines }) => lines)).toEqual([[2], [2]]);
    expect(
      pages.flatMap(({ file, rejects = [] }) => rejects.map(({ line, message }) => [file, line, message])),
    ).toEqual([
      ["1.csv", 3, "Expected 2 fields, found 1."],
      ["2.csv", 3, "Expected 2 fields, found 3."],
    ]);
  });

  test("in a run, rows that are refused later know their file too", async () => {
    const root = await folderOf({ "1.csv": "a,b\n1,2\n3\n", "2.csv": "a,b\n5,6\n-1,8\n" });
    const flow = defineWorkflow({ name: "demo.files" })
      .fetch("fetch", { from: fileSource({ roots: [root] }), request: () => ({ glob: "*.csv" }) })
      .transform("positive", {
        from: "fetch",
        row: ({ a }) => ({ a }),
        schema: z.object({ a: z.coerce.number().min(0) }),
      })
      .transform("small", {
        from: "positive",
        row: ({ a }) => ({ a }),
        schema: z.object({ a: z.number().max(4) }),
      });
    const spine = await createSpine({ database: memory(), workflows: [flow], logger: silentLogger });
    onTestFinished(() => spine.stop());
    const run = await spine.run(flow, {});
    await run.result();
    const rejects = await spine.datasets.rejects({ runId: run.id });
    expect(rejects.map(({ step, file, line, code }) => [step, file, line, code])).toEqual([
      ["fetch", "1.csv", 3, "RAGGED_ROW"],
      ["positive", "2.csv", 3, "INVALID_A"],
      ["small", "2.csv", 2, "INVALID_A"],
    ]);
  });

  test("each file has its own trailer, and an error names the file", async () => {
    const good = await folderOf({ "1.csv": "a,b\n1,2\n1\n", "2.csv": "a,b\n3,4\n5,6\n2\n" });
    expect(rowsOf(await read(good, "*.csv", { trailer: "count" }))).toHaveLength(3);
    const bad = await folderOf({ "1.csv": "a,b\n1,2\n1\n", "2.csv": "a,b\n3,4\n5,6\n3\n" });
    await expect(read(bad, "*.csv", { trailer: "count" })).rejects.toMatchObject({
      code: "SOURCE_TRAILER",
      context: { path: "2.csv" },
      message: expect.stringMatching(/^2\.csv: The trailer announces 3/),
    });
  });

  test("another header than that of the files before is SOURCE_HEADER, also after a resumption", async () => {
    for (const other of ["b,a\n1,2\n", "a\n1\n", "a,b,c\n1,2,3\n", "A,b\n1,2\n"]) {
      const root = await folderOf({ "1.csv": "a,b\n1,2\n3,4\n", "2.csv": other });
      const pages: Page[] = [];
      const drain = async (cursor: JsonValue | null): Promise<void> => {
        const source = fileSource({ roots: [root], batchRows: 1 });
        for await (const page of source.stream({ glob: "*.csv" }, { cursor })) pages.push(page);
      };
      const refused = { code: "SOURCE_HEADER", message: expect.stringContaining("2.csv") };
      await expect(drain(null), other).rejects.toMatchObject(refused);
      expect(rowsOf(pages)).toHaveLength(2);
      await expect(drain(pages[1]?.cursor ?? null), other).rejects.toMatchObject(refused);
    }
  });

  test("an empty file among others is an error, or is let through", async () => {
    const root = await folderOf({
      "1.csv": "a\n1\n",
      "2.csv": "",
      "3.csv": "a\n3\n",
      "4.csv.gz": gzipSync(""),
    });
    await expect(read(root, "*")).rejects.toMatchObject({ code: "SOURCE_EMPTY", context: { path: "2.csv" } });
    expect(rowsOf(await read(root, "*", { allowEmpty: true }))).toEqual([{ a: "1" }, { a: "3" }]);
  });

  const changes: [string, (root: string) => Promise<void>][] = [
    ["appears behind", (root) => writeFile(join(root, "9.csv"), "a\n9\n")],
    ["appears before", (root) => writeFile(join(root, "0.csv"), "a\n0\n")],
    ["disappears behind", (root) => rm(join(root, "3.csv"))],
    ["disappears that was read", (root) => rm(join(root, "1.csv"))],
    ["gets another name", (root) => rename(join(root, "3.csv"), join(root, "4.csv"))],
    ["grows", (root) => appendFile(join(root, "3.csv"), "7\n")],
    ["that was read grows", (root) => appendFile(join(root, "1.csv"), "7\n")],
    [
      "is replaced by one of the same size and time",
      async (root) => {
        execFileSync("cp", ["-p", join(root, "3.csv"), join(root, "new")]);
        execFileSync("mv", [join(root, "new"), join(root, "3.csv")]);
      },
    ],
  ];
  test.each(changes)("a file %s: SOURCE_CHANGED, on resuming and while reading", async (_what, change) => {
    const files = { "1.csv": "a\n1\n2\n", "2.csv": "a\n3\n4\n", "3.csv": "a\n5\n6\n" };
    const root = await folderOf(files);
    const pages = await read(root, "*.csv", { batchRows: 1 });
    const stream = fileSource({ roots: [root], batchRows: 1 })
      .stream({ glob: "*.csv" })
      [Symbol.asyncIterator]();
    for (let page = 0; page < 3; page++) await stream.next();
    await change(root);
    await expect(read(root, "*.csv", {}, pages[2]?.cursor)).rejects.toMatchObject({ code: "SOURCE_CHANGED" });
    const drain = async (): Promise<void> => {
      while (!(await stream.next()).done);
    };
    await expect(drain()).rejects.toMatchObject({
      code: expect.stringMatching(/^SOURCE_(CHANGED|NOT_FOUND)$/),
    });
  });

  test("a cursor belongs to its request", async () => {
    const root = await folderOf({ "1.csv": "a\n1\n2\n", "2.csv": "a\n3\n" });
    const [page] = await read(root, "*.csv", { batchRows: 1 });
    const single = fileSource({ roots: [root] }).stream({ path: "1.csv" }, { cursor: page?.cursor ?? null });
    await expect(single[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: "SOURCE_CHANGED" });
    await expect(read(root, "1*.csv", {}, page?.cursor)).rejects.toMatchObject({ code: "SOURCE_CHANGED" });
  });
});
