import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

test("the example of docs/alerts.md runs", () => {
  const main = fileURLToPath(new URL("main.ts", import.meta.url));
  const run = spawnSync(process.execPath, ["--conditions=spine-source", main], { encoding: "utf8" });
  expect(run.stderr.split("\n").filter((line) => line.includes("ERROR"))).toEqual([]);
  expect(run.stdout).toMatch(
    /'FIRST ERROR "demo\.ingest: 2 alerts" \(week=2026-01-05 FIRING, week=2026-01-12 FIRING\) \+1'/,
  );
  expect(run.stdout).toMatch(
    /'RESOLVED ERROR "demo\.ingest: 2 alerts" \(week=2026-01-05 RESOLVED, week=2026-01-12 RESOLVED\) \+0'/,
  );
  expect(run.stdout).toMatch(/\[ 'RESOLVED 1', 'FIRST 1' \]/);
}, 30_000);
