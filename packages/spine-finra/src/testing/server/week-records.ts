import { fromUnits, toUnits } from "spine-core";
import { publishedOn, toWeekStart, weekEnding } from "../../publication.ts";
import type { Tier } from "../../tiers.ts";
import { ATS_BY_SYMBOL_AND_VENUE } from "../../trade-activity.ts";
import { seededRandom } from "../random.ts";
import { type DirtyCode, type GenerateWeekOptions, weekRows } from "../week-rows.ts";
import type { QueryRecord } from "./query-record.ts";

/** Bad rows that an answer of the API can have at all: JSON has no ragged rows, and a partition no foreign ones. */
const IN_ANSWERS: readonly DirtyCode[] = ["INVALID_SYMBOL", "NEGATIVE_VOLUME", "ZERO_VOLUME"];

/**
 * The rows of a generated week by symbol and venue (ATS_W_SMBL_FIRM), as the Query API answers them: those of the
 * weekly file, with what only the API tells. Its prices and listings come from the symbol, so that the file is the
 * same with and without them.
 */
export function symbolAndVenueRecords(options: GenerateWeekOptions): QueryRecord[] {
  const week = toWeekStart(options.weekStart);
  const published = publishedOn(week, options.tier);
  const records: QueryRecord[] = [];
  for (const { fields, code } of weekRows(options)) {
    if (code !== null && !IN_ANSWERS.includes(code)) continue;
    const [tierDescription = "", symbol = "", name = "", participant = "", mpid = "", shares = "", trades] =
      fields;
    const { price, productTypeCode } = listingOf(symbol, options.tier);
    records.push({
      issueSymbolIdentifier: symbol || null,
      issueName: name || null,
      firmCRDNumber: null,
      MPID: mpid,
      // Files have the MPID in front of it.
      marketParticipantName: participant.slice(mpid.length + 1),
      tierIdentifier: options.tier,
      tierDescription,
      summaryStartDate: week,
      weekStartDate: week,
      totalWeeklyTradeCount: Number(trades),
      totalWeeklyShareQuantity: Number(shares),
      totalNotionalSum: Math.round(Number(shares) * price * 100) / 100,
      productTypeCode,
      summaryTypeCode: ATS_BY_SYMBOL_AND_VENUE,
      initialPublishedDate: published,
      lastUpdateDate: fields[7] ?? published,
      lastReportedDate: weekEnding(week),
    });
  }
  return records;
}

/** Invented, and the same for a symbol each time. */
function listingOf(
  symbol: string,
  tier: Tier,
): { readonly price: number; readonly productTypeCode: string | null } {
  const random = seededRandom(symbol);
  const price = tier === "OTCE" ? 0.01 + random.next() * 5 : 5 + random.next() * 300;
  return { price, productTypeCode: tier === "OTCE" ? null : random.pick(["UTP", "CTS"]) };
}

/**
 * The same shares at FINRA's other grains: by symbol, by venue, and for the whole tier. They must never be added to
 * each other, which is what a reader does that forgets to ask for one summaryTypeCode.
 */
export function summaries(records: readonly QueryRecord[]): QueryRecord[] {
  const good = records.filter(
    (row) => row.issueSymbolIdentifier !== null && Number(row.totalWeeklyShareQuantity) >= 0,
  );
  return [
    ...summed(good, "ATS_W_SMBL", ["issueSymbolIdentifier", "issueName", "productTypeCode"]),
    ...summed(good, "ATS_W_FIRM", ["MPID", "marketParticipantName"]),
    ...summed(good, "ATS_W_VOL_STATS", []),
  ];
}

const IDENTITY = [
  "issueSymbolIdentifier",
  "issueName",
  "MPID",
  "marketParticipantName",
  "productTypeCode",
] as const;

function summed(
  records: readonly QueryRecord[],
  summaryTypeCode: string,
  by: readonly (typeof IDENTITY)[number][],
): QueryRecord[] {
  const groups = new Map<
    string,
    { readonly first: QueryRecord; units: bigint; trades: number; cents: number }
  >();
  for (const row of records) {
    const key = JSON.stringify(by.map((name) => row[name]));
    const group = groups.get(key) ?? { first: row, units: 0n, trades: 0, cents: 0 };
    group.units += toUnits(String(row.totalWeeklyShareQuantity), 6);
    group.trades += Number(row.totalWeeklyTradeCount);
    group.cents += Math.round(Number(row.totalNotionalSum) * 100);
    groups.set(key, group);
  }
  return [...groups.values()].map(({ first, units, trades, cents }) => ({
    ...first,
    ...Object.fromEntries(IDENTITY.filter((name) => !by.includes(name)).map((name) => [name, null])),
    totalWeeklyShareQuantity: Number(fromUnits(units, 6)),
    totalWeeklyTradeCount: trades,
    totalNotionalSum: cents / 100,
    summaryTypeCode,
  }));
}
