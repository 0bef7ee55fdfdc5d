import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

test("the example of docs/data/quality.md runs", () => {
  const main = fileURLToPath(new URL("main.ts", import.meta.url));
  const run = spawnSync(process.execPath, ["--conditions=spine-source", main], { encoding: "utf8" });
  expect(run.stderr.split("\n").filter((line) => line.includes("ERROR"))).toEqual([]);
  expect(run.stdout.split("\n")).toEqual([
    "PASS recordCount",
    "PASS schema",
    "PASS notNull(symbol, shares)",
    "PASS unique(venue, symbol)",
    "PASS range(shares)",
    "PASS sumTo(share)",
    "WARN freshness(day)",
    "PASS distinctCount(symbol)",
    "PASS relationship(symbol)",
    "PASS changeVsPrior(rows)",
    "PASS no venue with all shares",
    "QualityError",
    "WARNING no venue with all shares · 1 row fails, expected no venue with all shares",
    "WARNING relationship(symbol) · 1 row fails, expected each key in the rows of symbols",
    "[ 'WARN 1', 'PASS 2' ]",
    `[ '["Z"] is not in the rows of symbols' ]`,
    "",
  ]);
});
