import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

test("the example of docs/data/transform.md runs", () => {
  const main = fileURLToPath(new URL("main.ts", import.meta.url));
  const run = spawnSync(process.execPath, ["--conditions=spine-source", main], { encoding: "utf8" });
  expect(run.stderr).toBe("");
  expect(run.stdout.split("\n")).toEqual([
    "1 loaded, 1 value left out",
    '0 INVALID_SHARES line 3 {"symbol":"DEF","shares":"n/a"}',
    '1 INVALID_SHARES line 4 {"symbol":"TEST","shares":"n/a"}',
    "driven again",
    "0 REDRIVEN",
    "1 DISCARDED",
    "[ { symbol: 'ABC', shares: 100 }, { symbol: 'DEF', shares: 250 } ]",
    "",
  ]);
});
