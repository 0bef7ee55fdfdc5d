import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

test("the example of docs/sources.md runs", () => {
  const main = fileURLToPath(new URL("main.ts", import.meta.url));
  const run = spawnSync(process.execPath, ["--conditions=spine-source", main], { encoding: "utf8" });
  expect(run.stderr.split("\n").filter((line) => line.includes("ERROR"))).toEqual([]);
  expect(run.stdout).toBe(
    "2 new, 0 known already\n2 new, 2 known already\n[ 3, 4 ]\n{ at: '2025-06-01T10:06:00Z' }\n",
  );
});
