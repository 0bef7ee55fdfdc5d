import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

test("the example of a webhook in docs/alerts.md runs", () => {
  const main = fileURLToPath(new URL("main.ts", import.meta.url));
  const run = spawnSync(process.execPath, ["--conditions=spine-source", main], { encoding: "utf8" });
  expect(run.stderr.split("\n").filter((line) => line.includes("ERROR"))).toEqual([]);
  expect(run.stdout.split("\n")).toEqual(["FIRING This is a test message of Spine", "401", ""]);
}, 30_000);
