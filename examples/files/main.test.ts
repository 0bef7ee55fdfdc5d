import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";

test("the example of docs/sources.md reads both files, and says what it refused and where", () => {
  const { stdout, stderr } = spawnSync(
    process.execPath,
    ["--conditions=spine-source", join(import.meta.dirname, "main.ts")],
    { encoding: "utf8" },
  );
  expect(stderr.split("\n").filter((line) => line.includes("ERROR"))).toEqual([]);
  expect(stdout).toBe("4 rows, 1 rejected\nshort-20250107.psv:3: RAGGED_ROW: Expected 4 fields, found 3.\n");
});
