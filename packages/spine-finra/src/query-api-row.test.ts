import { Rejection } from "spine-core";
import { expect, it } from "vitest";
import { QUERY_FIELDS, type QueryApiRow, toWeeklyRow } from "./query-api-row.ts";
import { OtcTradeActivity, toTradeActivity } from "./trade-activity.ts";

const ROW: QueryApiRow = {
  weekStartDate: "2026-03-02",
  tierIdentifier: "OTCE",
  summaryTypeCode: "ATS_W_SMBL_FIRM",
  issueSymbolIdentifier: "AABB",
  issueName: "Asia Broadband Inc Common Stock",
  MPID: "OTCN",
  marketParticipantName: "OTC LINK NQB IDQS",
  totalWeeklyShareQuantity: 1_138_358.086029,
  totalWeeklyTradeCount: 171,
  totalNotionalSum: 12_349_750.6,
  productTypeCode: "UTP",
  lastUpdateDate: "2026-04-06",
};
const params = { tier: "OTCE", week_start: "2026-03-02", last_update_date: null } as const;

it("becomes the row of the weekly file, with what only the API tells besides", () => {
  expect(Object.keys(ROW).sort()).toEqual([...QUERY_FIELDS].sort());
  expect(toWeeklyRow(ROW)).toEqual({
    tierDescription: "OTC",
    issueSymbolIdentifier: "AABB",
    issueName: "Asia Broadband Inc Common Stock",
    marketParticipantName: "OTCN OTC LINK NQB IDQS",
    MPID: "OTCN",
    totalWeeklyShareQuantity: "1138358.086029",
    totalWeeklyTradeCount: "171",
    lastUpdateDate: "2026-04-06",
    productTypeCode: "UTP",
    totalNotionalSum: "12349750.6",
  });
  const bids = { ...ROW, MPID: "BIDS", marketParticipantName: "BIDS ATS" };
  expect(toWeeklyRow(bids).marketParticipantName).toBe("BIDS BIDS ATS");
  expect(toTradeActivity(toWeeklyRow(ROW), { params })).toMatchObject({
    shares: "1138358.086029",
    notional: "12349750.6",
    product_type_code: "UTP",
    participant_name: "OTCN OTC LINK NQB IDQS",
  });
});

it.each([
  ["INVALID_SYMBOL", { issueSymbolIdentifier: null, issueName: null }],
  ["INVALID_MPID", { MPID: null, marketParticipantName: null }],
  ["INVALID_SHARES", { totalWeeklyShareQuantity: null }],
  // A double next to it is a millionth away: which of both it was, nobody can say any more.
  ["INVALID_SHARES", { totalWeeklyShareQuantity: 2 ** 33 + 0.5 }],
  ["INVALID_SHARES", { totalWeeklyShareQuantity: 2 ** 53 }],
  ["INVALID_SHARES", { totalWeeklyShareQuantity: 1e-7 }],
  ["INVALID_SHARES", { totalWeeklyShareQuantity: true }],
  ["INVALID_TRADES", { totalWeeklyTradeCount: 1.5 }],
  ["INVALID_NOTIONAL", { totalNotionalSum: 1e21 }],
  ["NEGATIVE_VOLUME", { totalWeeklyShareQuantity: -3 }],
  ["TIER_MISMATCH", { tierIdentifier: "T9" }],
  ["INVALID_DATE", { lastUpdateDate: null }],
] as const)("is refused with %s: %j", (code, change) => {
  const made = toTradeActivity(toWeeklyRow({ ...ROW, ...change }), { params });
  expect(made).toBeInstanceOf(Rejection);
  expect((made as Rejection).code).toBe(code);
});

it("keeps six decimals of every quantity that a week can have", () => {
  for (const text of [
    "0.000001",
    "8589934591.999999",
    "8589934591.000001",
    "1234567890.123456",
    "120000.5",
    "7",
  ]) {
    const row = toWeeklyRow({ ...ROW, totalWeeklyShareQuantity: JSON.parse(text) as number });
    expect(row.totalWeeklyShareQuantity).toBe(text);
  }
});

it("has nothing where the API has nothing", () => {
  const made = toTradeActivity(toWeeklyRow({ ...ROW, productTypeCode: null, totalNotionalSum: null }), {
    params,
  });
  expect(OtcTradeActivity.parse(made)).toMatchObject({ product_type_code: "", notional: null });
});
