// The command from end to end in a few seconds; the rest of it is in the slow tests beside this one.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { SAMPLE_WEEK, writeWeekFile } from "spine-finra/testing";
import { expect, test } from "vitest";
import { startFromSource as start, temporaryFolder } from "./testing/command.ts";
import { query } from "./testing/inspect.ts";

/** What a program may read in every summary, whatever became of the command. */
const KEYS = [
  "status",
  "execution_id",
  "rows",
  "steps",
  "shares",
  "trades",
  "symbols",
  "week_start",
  "tier",
] as const;

test("loads a weekly file and closes with its summary; a wrong call and a missing file have the same keys", async () => {
  using folder = temporaryFolder();
  const db = join(folder.path, "x.db");
  const dirty = { INVALID_SYMBOL: 1 } as const;
  const week = { folder: folder.path, weekStart: SAMPLE_WEEK, tier: "OTCE", symbols: 60, dirty } as const;
  const loaded = await start(["--db", db, "--file", await writeWeekFile(week)]);
  expect(loaded.code, loaded.stderr).toBe(0);
  expect(loaded.summary).toMatchObject({ status: "COMPLETED", week_start: SAMPLE_WEEK, tier: "OTCE" });
  expect(query(db, "select count(*) n from finra_otc_trade_activity")).toEqual([
    { n: loaded.summary.rows.out },
  ]);

  const missing = await start(["--db", db, "--file", join(folder.path, "missing.csv")]);
  expect(missing).toMatchObject({ code: 1, summary: { error_code: "SOURCE_NOT_FOUND" } });
  const wrong = await start(["--db", ":memory:"]);
  expect(wrong).toMatchObject({ code: 2, summary: { error_code: "CONFIG_INVALID" } });
  expect(wrong.stderr).toContain("--file PATH");
  expect(existsSync(":memory:")).toBe(false);
  for (const { summary } of [loaded, missing, wrong]) {
    expect(Object.keys(summary)).toEqual(expect.arrayContaining([...KEYS]));
    expect(Object.keys(summary.rows)).toEqual(["in", "out", "rejected"]);
  }
  for (const { summary } of [missing, wrong]) {
    expect(summary).toMatchObject({
      status: "FAILED",
      execution_id: null,
      rows: { in: 0, out: 0, rejected: 0 },
      steps: [],
      shares: "0",
      trades: 0,
      symbols: 0,
      week_start: null,
      tier: null,
    });
  }
});
