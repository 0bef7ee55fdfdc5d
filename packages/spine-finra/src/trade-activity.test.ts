import { Rejection } from "spine-core";
import { describe, expect, it } from "vitest";
import { OtcTradeActivity, toTradeActivity } from "./trade-activity.ts";
import type { WeeklyFileRow } from "./weekly-file-columns.ts";

const context = {
  params: { tier: "OTCE", week_start: "2025-11-10", last_update_date: "2025-12-15" },
} as const;
const good: WeeklyFileRow = {
  tierDescription: "OTC",
  issueSymbolIdentifier: "AABB",
  issueName: "Asia Broadband Inc Common Stock",
  marketParticipantName: "OTCN OTC LINK NQB IDQS",
  MPID: "OTCN",
  totalWeeklyShareQuantity: "6753871",
  totalWeeklyTradeCount: "171",
  lastUpdateDate: "2025-12-15",
};

function accepted(change: Partial<WeeklyFileRow>): OtcTradeActivity {
  const result = toTradeActivity({ ...good, ...change }, context);
  if (result instanceof Rejection) throw new Error(`${result.code}: ${result.message}`);
  return OtcTradeActivity.parse(result);
}

it("makes a row of a row", () => {
  expect(accepted({})).toEqual({
    week_start: "2025-11-10",
    tier: "OTCE",
    summary_type_code: "ATS_W_SMBL_FIRM",
    symbol: "AABB",
    issue_name: "Asia Broadband Inc Common Stock",
    product_type_code: "",
    mpid: "OTCN",
    participant_name: "OTCN OTC LINK NQB IDQS",
    shares: "6753871",
    trades: 171,
    notional: null,
    last_update_date: "2025-12-15",
  });
});

it.each(["BCPC", "BCpC", "TRUE", "NAN", "INF", "null", "ACEL/WS", "BRK B", "0", "X".repeat(20)])(
  "keeps the symbol %s",
  (symbol) => {
    expect(accepted({ issueSymbolIdentifier: symbol }).symbol).toBe(symbol);
  },
);

it("keeps names as they are", () => {
  const issueName = '  ZyVersa  "Therapeutics", Inc. (Com) Par $0.001 ';
  expect(accepted({ issueName }).issue_name).toBe(issueName);
  expect(accepted({ issueName: "" }).issue_name).toBe("");
});

it.each([
  ["120000.5", "120000.5"],
  ["120000.500000", "120000.5"],
  ["1138358.086029", "1138358.086029"],
  ["0.000001", "0.000001"],
  ["1.1230000000", "1.123"],
  ["007", "7"],
  ["9007199254740.993001", "9007199254740.993001"],
  ["9223372036854.775807", "9223372036854.775807"],
])("keeps %s shares exactly, as %s", (text, shares) => {
  expect(accepted({ totalWeeklyShareQuantity: text }).shares).toBe(shares);
});

it("takes shares without trades and trades without shares", () => {
  expect(accepted({ totalWeeklyTradeCount: "0" })).toMatchObject({ trades: 0 });
  expect(accepted({ totalWeeklyShareQuantity: "0" })).toMatchObject({ shares: "0", trades: 171 });
  expect(Object.is(accepted({ totalWeeklyTradeCount: "-0" }).trades, 0)).toBe(true);
});

describe("where the week is named, a row", () => {
  const named = { params: { ...context.params, last_update_date: null } };
  const codeOf = (lastUpdateDate: string) => {
    const result = toTradeActivity({ ...good, lastUpdateDate }, named);
    return result instanceof Rejection ? result.code : result.last_update_date;
  };

  it.each(["2025-12-15", "2025-12-19", "2025-12-22", "2025-12-24", "2026-06-01"])(
    "may be restated on %s, any day since the publication",
    (date) => expect(codeOf(date)).toBe(date),
  );

  it("is not of the week when it was dated before its publication", () => {
    expect(["2025-12-14", "2025-12-08", "2025-02-30"].map(codeOf)).toEqual([
      "WEEK_MISMATCH",
      "WEEK_MISMATCH",
      "INVALID_DATE",
    ]);
  });
});

describe("refuses", () => {
  it.each<[string, Partial<WeeklyFileRow>]>([
    ["TIER_MISMATCH", { tierDescription: "NMS Tier 1" }],
    ["TIER_MISMATCH", { tierDescription: "NMS Tier 9" }],
    ["TIER_MISMATCH", { tierDescription: "" }],
    ["WEEK_MISMATCH", { lastUpdateDate: "2025-12-29" }],
    ["WEEK_MISMATCH", { lastUpdateDate: "2025-12-19" }],
    ["INVALID_DATE", { lastUpdateDate: "2025-12-1" }],
    ["INVALID_DATE", { lastUpdateDate: "2025-02-30" }],
    ["INVALID_DATE", { lastUpdateDate: "" }],
    ["INVALID_SYMBOL", { issueSymbolIdentifier: "" }],
    ["INVALID_SYMBOL", { issueSymbolIdentifier: "   " }],
    ["INVALID_SYMBOL", { issueSymbolIdentifier: "AABB " }],
    ["INVALID_SYMBOL", { issueSymbolIdentifier: "X".repeat(21) }],
    ["INVALID_MPID", { MPID: "" }],
    ["INVALID_MPID", { MPID: "M".repeat(21) }],
    ["INVALID_SHARES", { totalWeeklyShareQuantity: "" }],
    ["INVALID_SHARES", { totalWeeklyShareQuantity: "1,234" }],
    ["INVALID_SHARES", { totalWeeklyShareQuantity: "1e6" }],
    ["INVALID_SHARES", { totalWeeklyShareQuantity: "NaN" }],
    ["INVALID_SHARES", { totalWeeklyShareQuantity: "1.1234567" }],
    ["INVALID_SHARES", { totalWeeklyShareQuantity: "9223372036854.775808" }],
    ["INVALID_SHARES", { totalWeeklyShareQuantity: "9".repeat(1_000_000) }],
    ["NEGATIVE_VOLUME", { totalWeeklyShareQuantity: "-1" }],
    ["INVALID_TRADES", { totalWeeklyTradeCount: "1.5" }],
    ["INVALID_TRADES", { totalWeeklyTradeCount: "" }],
    ["INVALID_TRADES", { totalWeeklyTradeCount: "9007199254740993" }],
    ["NEGATIVE_TRADES", { totalWeeklyTradeCount: "-1" }],
    ["ZERO_VOLUME", { totalWeeklyShareQuantity: "0", totalWeeklyTradeCount: "0" }],
    ["ZERO_VOLUME", { totalWeeklyShareQuantity: "-0.0", totalWeeklyTradeCount: "0" }],
  ])("%s %j", (code, change) => {
    const result = toTradeActivity({ ...good, ...change }, context);
    expect(result).toBeInstanceOf(Rejection);
    expect((result as Rejection).code).toBe(code);
    expect((result as Rejection).message).toMatch(/\.$/);
    // Also for one that is too large: the message names what would be taken.
    if (code === "INVALID_SHARES")
      expect((result as Rejection).message).toContain("from 0 to 9223372036854.775807");
  });
});
