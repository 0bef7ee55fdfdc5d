import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

test("the example of docs/data.md runs", () => {
  const main = fileURLToPath(new URL("main.ts", import.meta.url));
  const run = spawnSync(process.execPath, ["--conditions=spine-source", main], { encoding: "utf8" });
  expect(run.stderr).toBe("");
  expect(run.stdout.split("\n")).toEqual([
    "first delivery",
    "  fetch COMPLETED: 3 in, 3 out, 0 refused",
    "  clean COMPLETED: 3 in, 2 out, 1 refused",
    "  quality COMPLETED: 2 in, 2 out, 0 refused",
    "  load COMPLETED: 2 in, 2 out, 0 refused",
    "  line 4 INVALID_SHARE",
    "[ { venue: 'X', share: '0.25' }, { venue: 'Y', share: '0.75' } ]",
    "restated, and wrong",
    "QualityError",
    "  fetch COMPLETED: 2 in, 2 out, 0 refused",
    "  clean COMPLETED: 2 in, 2 out, 0 refused",
    "  quality FAILED: 2 in, 2 out, 0 refused",
    "[ { venue: 'X', share: '0.25' }, { venue: 'Y', share: '0.75' } ]",
    "restated",
    "  fetch COMPLETED: 2 in, 2 out, 0 refused",
    "  clean COMPLETED: 2 in, 2 out, 0 refused",
    "  quality COMPLETED: 2 in, 2 out, 0 refused",
    "  load COMPLETED: 2 in, 2 out, 0 refused",
    "[ { venue: 'X', share: '0.2' }, { venue: 'Y', share: '0.8' } ]",
    "what was current before came from first.csv",
    "",
  ]);
});
