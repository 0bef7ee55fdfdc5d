import { TIER_DESCRIPTIONS, type Tier, tierOf } from "./tiers.ts";
import type { WeeklyRow } from "./weekly-file-columns.ts";

/**
 * A row of dataset weeklySummary as the Query API answers it. Types are those of recorded answers; what does not apply
 * to a row is null.
 */
export interface QueryApiRow {
  readonly weekStartDate?: unknown;
  readonly tierIdentifier?: unknown;
  readonly summaryTypeCode?: unknown;
  readonly issueSymbolIdentifier?: unknown;
  readonly issueName?: unknown;
  readonly MPID?: unknown;
  readonly marketParticipantName?: unknown;
  readonly totalWeeklyShareQuantity?: unknown;
  readonly totalWeeklyTradeCount?: unknown;
  readonly totalNotionalSum?: unknown;
  readonly productTypeCode?: unknown;
  readonly lastUpdateDate?: unknown;
}

/** The fields that are asked for: those of {@link QueryApiRow}. */
export const QUERY_FIELDS = [
  "weekStartDate",
  "tierIdentifier",
  "summaryTypeCode",
  "issueSymbolIdentifier",
  "issueName",
  "MPID",
  "marketParticipantName",
  "totalWeeklyShareQuantity",
  "totalWeeklyTradeCount",
  "totalNotionalSum",
  "productTypeCode",
  "lastUpdateDate",
] as const satisfies readonly (keyof QueryApiRow)[];

/**
 * A row of the Query API as a row of the weekly file, so that both sources go through one transform: all text, with the
 * file's name of the tier and the MPID in front of the venue's name. What only the API tells is added.
 */
export function toWeeklyRow(row: QueryApiRow): WeeklyRow {
  const mpid = textOf(row.MPID);
  const participant = textOf(row.marketParticipantName);
  return {
    tierDescription: tierText(textOf(row.tierIdentifier)),
    issueSymbolIdentifier: textOf(row.issueSymbolIdentifier),
    issueName: textOf(row.issueName),
    // Always: "BIDS ATS" is the whole name of BIDS.
    marketParticipantName: `${mpid} ${participant}`.trim(),
    MPID: mpid,
    totalWeeklyShareQuantity: textOf(row.totalWeeklyShareQuantity),
    totalWeeklyTradeCount: textOf(row.totalWeeklyTradeCount),
    lastUpdateDate: textOf(row.lastUpdateDate),
    productTypeCode: textOf(row.productTypeCode),
    totalNotionalSum: textOf(row.totalNotionalSum),
  };
}

/** The name that files have for a tier, whatever the API's description says. */
function tierText(identifier: string): string {
  const tier: Tier | undefined = tierOf(identifier);
  return tier === undefined ? identifier : TIER_DESCRIPTIONS[tier];
}

/** From here on a double may not tell a quantity's sixth decimal from its neighbours. */
const EXACT_BELOW = 2 ** 33;

function textOf(value: unknown): string {
  if (value === null || value === undefined) return "";
  if (typeof value === "string") return value;
  if (typeof value !== "number") return JSON.stringify(value) ?? "";
  // JSON numbers were read as doubles. One that may have been rounded is refused as a quantity, not taken for exact.
  const exact = Number.isInteger(value) ? Number.isSafeInteger(value) : Math.abs(value) < EXACT_BELOW;
  return exact ? String(value) : `${value} (rounded)`;
}
