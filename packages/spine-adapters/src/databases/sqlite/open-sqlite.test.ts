import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { temporaryDirectory } from "../../testing/sqlite-harness.ts";
import { openWriter } from "./open-sqlite.ts";

let directory: string;
beforeEach(() => {
  directory = temporaryDirectory();
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const open = (path: string) => openWriter(path, { durability: "full" });

test("a missing directory is named, with what to do", async () => {
  const path = join(directory, "missing", "spine.db");
  await expect(open(path)).rejects.toMatchObject({
    code: "CONFIG_INVALID",
    message: expect.stringContaining(`There is no directory ${join(directory, "missing")}`),
  });
});

test("a directory is no database", async () => {
  mkdirSync(join(directory, "spine.db"));
  await expect(open(join(directory, "spine.db"))).rejects.toThrow(/is a directory\. Give the path of a file/);
});

test("a file below a file is refused", async () => {
  writeFileSync(join(directory, "file"), "");
  await expect(open(join(directory, "file", "spine.db"))).rejects.toMatchObject({ code: "CONFIG_INVALID" });
});

test("another file is refused and left as it was", async () => {
  const path = join(directory, "notes.txt");
  const text = "These are my notes.\n".repeat(100);
  writeFileSync(path, text);
  await expect(open(path)).rejects.toMatchObject({
    code: "CONFIG_INVALID",
    message: expect.stringContaining("is no SQLite database"),
  });
  expect(readFileSync(path, "utf8")).toBe(text);
});

test.each(["", "  ", "file:spine.db", "FILE:///tmp/spine.db?mode=ro", "a\0b"])(
  "%j is refused",
  async (path) => {
    await expect(open(path)).rejects.toMatchObject({ code: "CONFIG_INVALID" });
  },
);

test("a full and a process durability are what SQLite calls FULL and NORMAL", async () => {
  const level = async (durability: "full" | "process") => {
    const connection = await openWriter(join(directory, "d.db"), { durability });
    const row = connection.get<{ synchronous: number }>("PRAGMA synchronous");
    connection.close();
    return row?.synchronous;
  };
  expect(await level("full")).toBe(2);
  expect(await level("process")).toBe(1);
});
