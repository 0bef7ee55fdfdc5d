import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { describeFile } from "../weekly-file.ts";
import { generateWeek } from "./generate-week.ts";
import { writeWeekFile } from "./write-week-file.ts";

const week = { weekStart: "2025-11-10", tier: "OTCE" } as const;
let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "spine-finra-"));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

it("leaves a file with the same content untouched, and replaces any other", async () => {
  const path = await writeWeekFile({ ...week, folder });
  const before = await stat(path);
  await writeWeekFile({ ...week, folder });
  expect(await stat(path)).toMatchObject({ ino: before.ino, mtimeMs: before.mtimeMs });
  await writeFile(path, "half of a week");
  await writeWeekFile({ ...week, folder });
  expect(await readFile(path, "utf8")).toBe(generateWeek(week).text);
  expect(await readdir(folder)).toEqual([basename(path)]);
});

it("lets many write the same week at once, and each sees it whole", async () => {
  const all = Array.from({ length: 8 }, async () => {
    const path = await writeWeekFile({ ...week, folder });
    await describeFile(path);
    return await readFile(path, "utf8");
  });
  expect(new Set(await Promise.all(all))).toEqual(new Set([generateWeek(week).text]));
  expect(await readdir(folder)).toHaveLength(1);
});
