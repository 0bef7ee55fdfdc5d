import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

test("the example of docs/data/load.md runs", () => {
  const main = fileURLToPath(new URL("main.ts", import.meta.url));
  const run = spawnSync(process.execPath, ["--conditions=spine-source", main], { encoding: "utf8" });
  expect(run.stderr).toBe("");
  expect(run.stdout.split("\n")).toEqual([
    "2 inserted, 0 superseded, 0 kept",
    "1 inserted, 1 superseded, 1 kept",
    "[ { symbol: 'ABC', price: '10.5' }, { symbol: 'DEF', price: '7.25' } ]",
    "[ { symbol: 'DEF', price: '7' } ]",
    "",
  ]);
});
