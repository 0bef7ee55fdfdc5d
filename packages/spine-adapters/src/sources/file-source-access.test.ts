import { execFileSync } from "node:child_process";
import {
  appendFile,
  chmod,
  mkdir,
  open,
  readdir,
  stat,
  symlink,
  truncate,
  utimes,
  writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import type { Page } from "spine-core";
import { describe, expect, test } from "vitest";
import { fileSource } from "./file-source.ts";
import { readPath, scratchDirectory, scratchFile } from "./testing/scratch-file.ts";

describe("paths", () => {
  test("only regular files inside the roots are opened, whatever leads there", async () => {
    const outside = await scratchFile("secret.csv", "a\n1\n");
    const root = await scratchDirectory();
    await mkdir(join(root, "sub"));
    await writeFile(join(root, "sub", "rows.csv"), "a\n1\n");
    await symlink(outside, join(root, "link.csv"));
    await symlink(join(outside, ".."), join(root, "up"));
    await symlink("sub/rows.csv", join(root, "inner.csv"));
    await symlink("loop.csv", join(root, "loop.csv"));
    await symlink("nowhere.csv", join(root, "dangling.csv"));
    const outcome = async (path: string): Promise<string> =>
      await readPath(path, { roots: [root] }).then(
        ({ rows }) => String(rows.length),
        (error: { code: string }) => error.code,
      );
    const expected: Record<string, string> = {
      "sub/rows.csv": "1",
      "./sub/../sub/rows.csv": "1",
      [join(root, "sub", "rows.csv")]: "1",
      "inner.csv": "1",
      [outside]: "PERMISSION_DENIED",
      "link.csv": "PERMISSION_DENIED",
      "up/secret.csv": "PERMISSION_DENIED",
      "../secret.csv": "PERMISSION_DENIED",
      "/etc/passwd": "PERMISSION_DENIED",
      // Whether a file exists outside is not told either.
      "/etc/no-such-file": "PERMISSION_DENIED",
      "../../no-such-file": "PERMISSION_DENIED",
      [`${root}-sibling/rows.csv`]: "PERMISSION_DENIED",
      "sub/rows.csv\0.txt": "PERMISSION_DENIED",
      "": "PERMISSION_DENIED",
      "loop.csv": "PERMISSION_DENIED",
      ".": "PERMISSION_DENIED",
      sub: "SOURCE_NOT_A_FILE",
      "missing.csv": "SOURCE_NOT_FOUND",
      "dangling.csv": "SOURCE_NOT_FOUND",
      "sub/rows.csv/more": "SOURCE_NOT_FOUND",
      [`${"x".repeat(5000)}.csv`]: "SOURCE_NOT_FOUND",
    };
    const found = await Promise.all(
      Object.keys(expected).map(async (path): Promise<[string, string]> => [path, await outcome(path)]),
    );
    expect(Object.fromEntries(found)).toEqual(expected);
  });

  test("the roots are the working directory by default", async () => {
    const path = await scratchFile("rows.csv", "a\n1\n");
    const stream = fileSource().stream({ path })[Symbol.asyncIterator]();
    await expect(stream.next()).rejects.toMatchObject({ code: "PERMISSION_DENIED" });
  });

  test.skipIf(process.platform === "win32")("a pipe is no file, and is not waited for", async () => {
    const directory = await scratchDirectory();
    execFileSync("mkfifo", [join(directory, "pipe.csv")]);
    await expect(readPath(join(directory, "pipe.csv"))).rejects.toMatchObject({ code: "SOURCE_NOT_A_FILE" });
  });

  test.skipIf(process.platform === "win32" || process.getuid?.() === 0)(
    "what the system refuses is PERMISSION_DENIED (skipped: as root nothing is refused)",
    async () => {
      const path = await scratchFile("rows.csv", "a\n1\n");
      await chmod(path, 0o000);
      await expect(readPath(path)).rejects.toMatchObject({ code: "PERMISSION_DENIED" });
    },
  );

  test("errors name the source and the path", async () => {
    const path = await scratchFile("rows.csv", "a,b\n1\n2");
    await expect(readPath(path, { name: "otc" })).rejects.toMatchObject({
      category: "SOURCE",
      retryable: false,
      context: { source: "otc", path, line: 3 },
    });
  });
});

const rows = (count: number): string => `a,b\n${"1234567,12345678\n".repeat(count)}`;

describe("a file that changes", () => {
  test("between a page and its resumption is SOURCE_CHANGED", async () => {
    const path = await scratchFile("rows.csv", rows(10));
    const { pages } = await readPath(path, { batchRows: 4 });
    const cursor = pages[0]?.cursor ?? null;
    await utimes(path, new Date(0), new Date(0));
    await expect(readPath(path, {}, { cursor })).rejects.toMatchObject({ code: "SOURCE_CHANGED" });
    await writeFile(path, rows(11));
    await expect(readPath(path, {}, { cursor })).rejects.toMatchObject({ code: "SOURCE_CHANGED" });
  });

  test("a cursor of something else is SOURCE_CHANGED", async () => {
    const path = await scratchFile("rows.csv", rows(10));
    for (const cursor of [7, "x", [], {}, { records: 1 }, { records: -1, line: 1, size: 1, mtimeMs: 1 }]) {
      await expect(readPath(path, {}, { cursor })).rejects.toMatchObject({ code: "SOURCE_CHANGED" });
    }
  });

  const changes: [string, (path: string) => Promise<void>][] = [
    ["grows", (path) => appendFile(path, "1,2\n")],
    ["shrinks", (path) => truncate(path, 100)],
    ["is written over", (path) => writeFile(path, rows(100_000).replaceAll("1", "9"))],
    [
      "is written over, and its time is set back",
      async (path) => {
        const { atime, mtime } = await stat(path);
        const handle = await open(path, "r+");
        await handle.write("9999999", 1_500_000);
        await handle.close();
        await utimes(path, atime, mtime);
      },
    ],
    ["is touched", (path) => utimes(path, new Date(0), new Date(0))],
  ];
  test.each(changes)("%s while it is read: SOURCE_CHANGED", async (_how, change) => {
    const path = await scratchFile("rows.csv", rows(100_000));
    // A whole second, which can be set again.
    await utimes(path, 1_700_000_000, 1_700_000_000);
    const stream = fileSource({ roots: ["/"], batchRows: 100 })
      .stream({ path })
      [Symbol.asyncIterator]();
    expect((await stream.next()).done).toBe(false);
    await change(path);
    const drain = async (): Promise<void> => {
      while (!(await stream.next()).done);
    };
    await expect(drain()).rejects.toMatchObject({ code: "SOURCE_CHANGED" });
  });

  test("a file that is exchanged while it is read is read as it was", async () => {
    const path = await scratchFile("rows.csv", rows(50_000));
    const stream = fileSource({ roots: ["/"] })
      .stream({ path })
      [Symbol.asyncIterator]();
    let count = (await stream.next()).value?.rows.length ?? 0;
    execFileSync("mv", [await scratchFile("other.csv", "x\n1\n"), path]);
    for (let next = await stream.next(); !next.done; next = await stream.next())
      count += next.value.rows.length;
    expect(count).toBe(50_000);
  });
});

describe("leaving a stream", () => {
  // Only Linux lists a process's open files as a directory.
  const openFiles = async (path: string): Promise<number> => {
    const { readlink } = await import("node:fs/promises");
    const targets = await Promise.all(
      (await readdir("/proc/self/fd")).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => "")),
    );
    return targets.filter((target) => target === path).length;
  };

  test.skipIf(process.platform !== "linux")("closes the file, however it is left", async () => {
    const path = await scratchFile("rows.csv", rows(50_000));
    const source = fileSource({ roots: ["/"], batchRows: 100 });
    const first = async (stream: AsyncIterable<Page>): Promise<void> => {
      for await (const _page of stream) {
        expect(await openFiles(path)).toBe(1);
        return;
      }
    };
    await first(source.stream({ path }));
    expect(await openFiles(path)).toBe(0);

    const controller = new AbortController();
    const aborted = async (): Promise<void> => {
      for await (const _page of source.stream({ path }, { signal: controller.signal })) controller.abort();
    };
    await expect(aborted()).rejects.toThrow("aborted");
    expect(await openFiles(path)).toBe(0);

    await expect(readPath(path, { columns: ["x"] })).rejects.toMatchObject({ code: "SOURCE_HEADER" });
    await readPath(path);
    expect(await openFiles(path)).toBe(0);
  });
});
