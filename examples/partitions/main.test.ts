import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

test("the example of docs/data/partitions.md runs", () => {
  const main = fileURLToPath(new URL("main.ts", import.meta.url));
  const run = spawnSync(process.execPath, ["--conditions=spine-source", main], { encoding: "utf8" });
  expect(run.stderr).toBe("");
  expect(run.stdout.split("\n")).toEqual([
    "6 expected, 6 missing",
    "5 loaded, 1 failed",
    "tier=T1/week_start=2025-01-20 READY 1",
    "tier=OTCE/week_start=2025-01-20 FAILED null",
    "written by demo.ingest from 2025-01-20/T1.csv",
    "to be loaded again if that file changes: [",
    "  {",
    "    table: 'weekly_trades',",
    "    partition: { week_start: '2025-01-06', tier: 'T1' }",
    "  }",
    "]",
    "PUBLISHED",
    "",
  ]);
});
