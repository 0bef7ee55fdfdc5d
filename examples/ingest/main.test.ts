import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

test("the example of docs/data/ingest.md runs", () => {
  const main = fileURLToPath(new URL("main.ts", import.meta.url));
  const run = spawnSync(process.execPath, ["--conditions=spine-source", main], { encoding: "utf8" });
  expect(run.stderr).toBe("");
  expect(run.stdout.split("\n")).toEqual([
    "2 rows, 1 refused, 2 loaded",
    "recordCount PASS",
    "unique(id) PASS",
    "rejectShare WARN",
    "unchanged",
    "",
  ]);
});
