import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { decimal, fromUnits, Rejection, toUnits } from "spine-core";
import { describe, expect, it } from "vitest";
import { publishedOn } from "../publication.ts";
import { TIERS, type Tier } from "../tiers.ts";
import { OtcTradeActivity, toTradeActivity } from "../trade-activity.ts";
import { TRADE_ACTIVITY_KEY } from "../trade-activity-table.ts";
import { WEEKLY_FILE_COLUMNS, type WeeklyFileRow } from "../weekly-file-columns.ts";
import { generateWeek } from "./generate-week.ts";
import { type DirtyCode, type ExpectedWeek, RAGGED_ROW } from "./week-rows.ts";
import { writeWeekFile } from "./write-week-file.ts";

const WEEK = "2025-11-10";

/** Reads a file the plain way, to hold the generator's own totals against it. */
function ingest(text: string, week_start: string, tier: Tier): ExpectedWeek & { readonly keys: number } {
  const [header, ...lines] = text.replace(/\n$/, "").split("\n");
  expect(header).toBe(WEEKLY_FILE_COLUMNS.join("|"));
  const params = { tier, week_start, last_update_date: publishedOn(week_start, tier) };
  const rejected: Record<string, number> = {};
  const keys = new Set<string>();
  const symbols = new Set<string>();
  let [rows, trades, units] = [0, 0, 0n];
  for (const line of lines) {
    const fields = line.split("|");
    const row = Object.fromEntries(
      WEEKLY_FILE_COLUMNS.map((name, i) => [name, fields[i] ?? ""]),
    ) as WeeklyFileRow;
    const result = toTradeActivity(row, { params });
    if (fields.length !== 8 || result instanceof Rejection) {
      const code = fields.length === 8 && result instanceof Rejection ? result.code : RAGGED_ROW;
      rejected[code] = (rejected[code] ?? 0) + 1;
      continue;
    }
    const made = OtcTradeActivity.parse(result);
    keys.add(JSON.stringify(TRADE_ACTIVITY_KEY.map((name) => made[name])));
    symbols.add(made.symbol);
    rows += 1;
    trades += made.trades;
    units += toUnits(made.shares, 6);
  }
  return { rows, rejected, shares: fromUnits(units, 6), trades, symbols: symbols.size, keys: keys.size };
}

describe.each(TIERS)("a week of %s", (tier) => {
  it.each([WEEK, "2026-03-02"])("of %s adds up to what it says", (weekStart) => {
    const { text, expected } = generateWeek({ weekStart, tier });
    const { keys, ...found } = ingest(text, weekStart, tier);
    expect(found).toEqual(expected);
    expect(keys).toBe(expected.rows);
    expect(expected.rows).toBeGreaterThan(2_000);
    expect(expected.rows).toBeLessThan(6_000);
    expect(expected.rejected).toEqual({
      INVALID_SYMBOL: 1,
      NEGATIVE_VOLUME: 1,
      TIER_MISMATCH: 1,
      RAGGED_ROW: 1,
    });
  });
});

it("is the same for the same options and another for another seed, week or tier", () => {
  const of = (change: object) => generateWeek({ weekStart: WEEK, tier: "OTCE", symbols: 30, ...change }).text;
  expect(of({})).toBe(of({ weekStart: "2025-11-14" }));
  expect(new Set([of({}), of({ seed: 2 }), of({ weekStart: "2025-11-17" }), of({ tier: "T1" })]).size).toBe(
    4,
  );
});

it("has quantities with decimals from the week on in which FINRA began with them", () => {
  const decimals = (change: object) =>
    generateWeek({ weekStart: WEEK, tier: "T1", symbols: 50, ...change }).text.match(/\|\d+\.\d{1,6}\|/g)
      ?.length ?? 0;
  expect(decimals({})).toBe(0);
  expect(decimals({ weekStart: "2026-02-23" })).toBeGreaterThan(20);
  expect(decimals({ fractional: true })).toBeGreaterThan(20);
  expect(decimals({ weekStart: "2026-02-23", fractional: false })).toBe(0);
});

it("has what trips up careless readers", () => {
  const { text } = generateWeek({ weekStart: WEEK, tier: "T1" });
  for (const symbol of ["TRUE", "NAN", "INF", "NULL", "QZPC", "QZpC", "QZP/WS", "QZ.A"])
    expect(text).toContain(`|${symbol}|`);
  const twice = text.split("\n").filter((line) => line.includes("|QRNA|") && line.includes("|UBSA|"));
  expect(twice).toHaveLength(2);
});

it("makes bad rows as told, none for {}", () => {
  const dirty: Record<DirtyCode, number> = {
    INVALID_SYMBOL: 3,
    INVALID_SHARES: 2,
    NEGATIVE_VOLUME: 1,
    ZERO_VOLUME: 4,
    TIER_MISMATCH: 2,
    WEEK_MISMATCH: 5,
    RAGGED_ROW: 7,
  };
  const spoilt = generateWeek({ weekStart: WEEK, tier: "OTCE", symbols: 12, dirty });
  expect(ingest(spoilt.text, WEEK, "OTCE")).toMatchObject({ ...spoilt.expected, rejected: dirty });
  expect(spoilt.text.endsWith("\n")).toBe(false);
  const clean = generateWeek({ weekStart: WEEK, tier: "OTCE", symbols: 12, dirty: {} });
  expect(ingest(clean.text, WEEK, "OTCE")).toMatchObject({ ...clean.expected, rejected: {} });
  expect(clean.text.endsWith("\n")).toBe(true);
  expect(decimal(clean.expected.shares)).toBe(clean.expected.shares);
});

it("writes the same text to a file named as FINRA names it", async () => {
  const folder = await mkdtemp(join(tmpdir(), "spine-finra-"));
  try {
    for (const [tier, name] of [
      ["T1", "finra_otc_weekly_tier1_20251201.csv"],
      ["T2", "finra_otc_weekly_tier2_20251215.csv"],
      ["OTCE", "finra_otc_weekly_otc_20251215.csv"],
    ] as const) {
      const path = await writeWeekFile({ folder, weekStart: WEEK, tier });
      expect(basename(path)).toBe(name);
      expect(await readFile(path, "utf8")).toBe(generateWeek({ weekStart: WEEK, tier }).text);
    }
  } finally {
    await rm(folder, { recursive: true });
  }
});
