import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

test("the example of docs/scheduling.md runs", () => {
  const main = fileURLToPath(new URL("main.ts", import.meta.url));
  const run = spawnSync(process.execPath, ["--conditions=spine-source", main], { encoding: "utf8" });
  expect(run.stderr.split("\n").filter((line) => line.includes("ERROR"))).toEqual([]);
  expect(run.stdout.split("\n")).toEqual([
    "by-hand DISABLED, nightly ACTIVE",
    "3 more nights",
    "its times count from the change on: true",
    "true",
    "5 runs",
    "2026-01-06T01:30:00.000Z STARTED BACKFILL",
    "2026-01-05T01:30:00.000Z STARTED BACKFILL",
    "",
  ]);
});
