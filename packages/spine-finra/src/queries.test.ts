import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sqlite } from "spine-adapters/databases";
import { type Database, Rejection, systemClock } from "spine-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { captureAsOf, newerCapture, topSymbols, topVenues, weekTotals } from "./queries.ts";
import { type OtcTradeActivity, toTradeActivity } from "./trade-activity.ts";
import { tradeActivity } from "./trade-activity-table.ts";

const WEEK: { readonly week_start: string; readonly tier: "OTCE" } = {
  week_start: "2025-11-10",
  tier: "OTCE",
};
const [FIRST, SECOND] = ["2026-01-01T00:00:00.000Z", "2026-01-08T00:00:00.000Z"];

let folder = "";
let database: Database;

function row(
  symbol: string,
  mpid: string,
  shares: string,
  trades: number,
  { week = WEEK, date = "2025-12-15" }: { readonly week?: typeof WEEK; readonly date?: string } = {},
): OtcTradeActivity {
  const made = toTradeActivity(
    {
      tierDescription: "OTC",
      issueSymbolIdentifier: symbol,
      issueName: `${symbol} Inc`,
      marketParticipantName: `${mpid} VENUE`,
      MPID: mpid,
      totalWeeklyShareQuantity: shares,
      totalWeeklyTradeCount: String(trades),
      lastUpdateDate: date,
    },
    { params: { ...week, last_update_date: date } },
  );
  if (made instanceof Rejection) throw new Error(made.message);
  return made;
}

async function replaceWeek(
  loadId: string,
  loadedAt: string,
  rows: readonly OtcTradeActivity[],
  week: typeof WEEK = WEEK,
): Promise<void> {
  await database.transaction(async (transaction) => {
    await transaction.supersede(tradeActivity, week, loadedAt);
    await transaction.insertRows(tradeActivity, oneBatch(rows), { loadId, loadedAt });
  });
}

async function* oneBatch<T>(rows: readonly T[]): AsyncGenerator<readonly T[]> {
  yield rows;
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "spine-finra-queries-"));
  database = sqlite(join(folder, "spine.db"));
  await database.connect({ clock: systemClock });
  await database.ensureTable(tradeActivity);
  await replaceWeek("first", FIRST, [row("BCPC", "OTCN", "7", 1)]);
  await replaceWeek("second", SECOND, [
    row("BCPC", "OTCN", "120000.5", 2),
    row("BCPC", "ARCA", "0.000001", 5),
    // As a float this would lose its last digits.
    row("BCpC", "OTCX", "9007199254740.993001", 7),
  ]);
});
afterAll(async () => {
  await database.close();
  await rm(folder, { recursive: true });
});

it("adds a week up exactly", async () => {
  expect(await weekTotals(database, WEEK)).toEqual({
    rows: 3,
    shares: "9007199374741.493002",
    trades: 14,
    symbols: 2,
  });
  expect(await weekTotals(database, { ...WEEK, tier: "T1" })).toEqual({
    rows: 0,
    shares: "0",
    trades: 0,
    symbols: 0,
  });
});

it("ranks symbols, their case kept apart, and venues", async () => {
  expect(await topSymbols(database, WEEK)).toEqual([
    { symbol: "BCpC", shares: "9007199254740.993001", trades: 7, venues: 1 },
    { symbol: "BCPC", shares: "120000.500001", trades: 7, venues: 2 },
  ]);
  expect(await topVenues(database, WEEK, 2)).toEqual([
    { mpid: "OTCX", participant_name: "OTCX VENUE", shares: "9007199254740.993001", trades: 7, symbols: 1 },
    { mpid: "OTCN", participant_name: "OTCN VENUE", shares: "120000.5", trades: 2, symbols: 1 },
  ]);
});

it("reads a week as it stood at a moment", async () => {
  const at = async (time: string | Date) =>
    (await captureAsOf(database, { ...WEEK, at: time })).map(({ load_id, mpid, shares }) => [
      load_id,
      mpid,
      shares,
    ]);
  expect(await at("2025-12-31T23:59:59Z")).toEqual([]);
  expect(await at(FIRST)).toEqual([["first", "OTCN", "7"]]);
  expect(await at("2026-01-08T00:59:59.999+01:00")).toEqual([["first", "OTCN", "7"]]);
  expect(await at(new Date(SECOND))).toEqual([
    ["second", "ARCA", "0.000001"],
    ["second", "OTCN", "120000.5"],
    ["second", "OTCX", "9007199254740.993001"],
  ]);
  expect(await captureAsOf(database, { ...WEEK, at: FIRST })).toEqual([
    { ...row("BCPC", "OTCN", "7", 1), load_id: "first" },
  ]);
  await expect(captureAsOf(database, { ...WEEK, at: "yesterday" })).rejects.toMatchObject({
    code: "VALIDATION_FAILED",
  });
});

it("adds up and ranks what no 64-bit integer holds", async () => {
  const week = { ...WEEK, week_start: "2025-11-03" };
  const rows = [
    row("HUGE", "OTCN", "9000000000000", Number.MAX_SAFE_INTEGER, { week }),
    row("HUGE", "OTCX", "9000000000000.000001", Number.MAX_SAFE_INTEGER, { week }),
    // By its low parts alone it would come first.
    row("LESS", "OTCN", "9000000000000.999999", 1, { week }),
    row("LESS", "OTCX", "8999999999999", 1, { week }),
  ];
  await replaceWeek("huge", FIRST, rows, week);
  expect(await weekTotals(database, week)).toMatchObject({ rows: 4, shares: "36000000000000", symbols: 2 });
  expect(await topSymbols(database, week)).toMatchObject([
    { symbol: "HUGE", shares: "18000000000000.000001" },
    { symbol: "LESS", shares: "17999999999999.999999" },
  ]);
  expect(await topVenues(database, week)).toMatchObject([
    { mpid: "OTCN", shares: "18000000000000.999999" },
    { mpid: "OTCX", shares: "17999999999999.000001" },
  ]);
});

it("adds up more trades than a 64-bit integer holds", async () => {
  const week = { ...WEEK, week_start: "2025-10-27" };
  const rows = Array.from({ length: 1_100 }, (_, i) =>
    row(`S${i}`, "OTCN", "1", Number.MAX_SAFE_INTEGER, { week }),
  );
  await replaceWeek("trades", FIRST, rows, week);
  expect((await weekTotals(database, week)).trades).toBe(1_100 * Number.MAX_SAFE_INTEGER);
});

it("says when an older file was loaded over a newer one", async () => {
  const week = { ...WEEK, week_start: "2025-10-20" };
  const load = async (id: string, at: string, date: string) =>
    await replaceWeek(id, at, [row("BCPC", "OTCN", "7", 1, { week, date })], week);
  expect(await newerCapture(database, week)).toBeNull();
  await load("a", "2026-01-01T00:00:00.000Z", "2025-12-15");
  await load("b", "2026-01-02T00:00:00.000Z", "2026-01-08");
  expect(await newerCapture(database, week)).toBeNull();
  await load("c", "2026-01-03T00:00:00.000Z", "2025-12-15");
  expect(await newerCapture(database, week)).toBe("2026-01-08");
});
