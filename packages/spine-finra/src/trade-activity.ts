import { decimal, fromUnits, type Rejection, reject, toUnits } from "spine-core";
import { z } from "zod";
import { isIsoDate } from "./iso-date.ts";
import { publishedOn } from "./publication.ts";
import { TIERS, type Tier, tierOf } from "./tiers.ts";
import type { WeeklyRow } from "./weekly-file-columns.ts";

/**
 * The grain of the weekly ATS download: one row per symbol and venue. FINRA publishes the same shares at
 * other grains under other codes; rows of different codes must never be added up.
 */
export const ATS_BY_SYMBOL_AND_VENUE = "ATS_W_SMBL_FIRM";

/** Decimal places that FINRA reports, and that tables keep: quantities are fractional since 2026-02-23. */
const SHARE_PLACES = 6;
// A 64-bit integer of millionths, which is how SQLite keeps it: 9.2 million million shares.
const MAX_SHARE_UNITS = 2n ** 63n - 1n;
const MAX_IDENTIFIER = 20;

const shareText = z.string().regex(/^\d+(\.\d{1,6})?$/, "is not a decimal with at most 6 places");

/** One venue's volume in one symbol in one week, as it is loaded. */
export const OtcTradeActivity = z.object({
  /** The Monday of the week. */
  week_start: z.iso.date(),
  tier: z.enum(TIERS),
  summary_type_code: z.string().min(1),
  /** As FINRA writes it: `BCPC` and `BCpC` are two securities, and TRUE, NAN and INF are tickers. */
  symbol: z.string().min(1).max(MAX_IDENTIFIER),
  /** Part of the key: a ticker that changes hands within a week comes once per issuer. */
  issue_name: z.string(),
  /**
   * `UTP` or `CTS`; empty where the source does not say, as in the files. Part of the key, and therefore
   * never null: unique indexes take two nulls for different.
   */
  product_type_code: z.string(),
  mpid: z.string().min(1).max(MAX_IDENTIFIER),
  /** In the files with the MPID in front: `OTCN OTC LINK NQB IDQS`. */
  participant_name: z.string(),
  /** Shares traded, as decimal text. */
  shares: shareText,
  trades: z.int().min(0),
  /** Dollars, as decimal text; null in the files, which do not tell it. */
  notional: z.string().nullable(),
  /** When FINRA last changed the row: the day of its publication, unless it was restated. */
  last_update_date: z.iso.date(),
});
export type OtcTradeActivity = z.output<typeof OtcTradeActivity>;

/** Why rows are refused. */
export type TradeActivityReject =
  | "TIER_MISMATCH"
  | "WEEK_MISMATCH"
  | "INVALID_DATE"
  | "INVALID_SYMBOL"
  | "INVALID_MPID"
  | "INVALID_SHARES"
  | "INVALID_TRADES"
  | "INVALID_NOTIONAL"
  | "NEGATIVE_VOLUME"
  | "NEGATIVE_TRADES"
  | "ZERO_VOLUME";

/** What a row is held against: the week that is being ingested. */
export interface TradeActivityContext {
  readonly params: {
    readonly tier: Tier;
    /** Monday. */
    readonly week_start: string;
    /** The one date that every row must carry; null for any since the week was first published. */
    readonly last_update_date: string | null;
  };
}

/**
 * Makes the loaded row of a row of the weekly file or of the Query API, or says why it is refused. Pure. Nothing is trimmed,
 * upper-cased or rounded: what cannot be kept as it is, is refused.
 */
export function toTradeActivity(
  row: WeeklyRow,
  { params }: TradeActivityContext,
): OtcTradeActivity | Rejection {
  const no = (code: TradeActivityReject, message: string) => reject(code, message);
  const { tierDescription, issueSymbolIdentifier: symbol, MPID: mpid, lastUpdateDate } = row;

  if (tierOf(tierDescription) !== params.tier) {
    return no("TIER_MISMATCH", `The row is of tier "${tierDescription}", the run is of ${params.tier}.`);
  }
  if (!isIsoDate(lastUpdateDate)) {
    return no("INVALID_DATE", `lastUpdateDate "${lastUpdateDate}" is not a date (YYYY-MM-DD).`);
  }
  const misfit = misfitOf(lastUpdateDate, params);
  if (misfit !== null) return no("WEEK_MISMATCH", misfit);
  if (!isIdentifier(symbol)) return no("INVALID_SYMBOL", identifierMessage("symbol", symbol));
  if (!isIdentifier(mpid)) return no("INVALID_MPID", identifierMessage("MPID", mpid));

  const shares = quantityOf(row.totalWeeklyShareQuantity);
  if (shares === undefined) {
    return no(
      "INVALID_SHARES",
      `"${row.totalWeeklyShareQuantity}" is not a number of shares from 0 to ${fromUnits(MAX_SHARE_UNITS, SHARE_PLACES)} with at most ${SHARE_PLACES} decimal places.`,
    );
  }
  if (shares.startsWith("-")) return no("NEGATIVE_VOLUME", `The row has ${shares} shares.`);
  const trades = tradesOf(row.totalWeeklyTradeCount);
  if (trades === undefined)
    return no("INVALID_TRADES", `"${row.totalWeeklyTradeCount}" is not a whole number of trades.`);
  if (trades < 0) return no("NEGATIVE_TRADES", `The row has ${trades} trades.`);
  const notional = row.totalNotionalSum ? quantityOf(row.totalNotionalSum) : null;
  if (notional === undefined)
    return no("INVALID_NOTIONAL", `"${row.totalNotionalSum}" is not a sum of dollars.`);
  if (shares === "0" && trades === 0) return no("ZERO_VOLUME", "The row has neither shares nor trades.");

  return {
    week_start: params.week_start,
    tier: params.tier,
    summary_type_code: ATS_BY_SYMBOL_AND_VENUE,
    symbol,
    issue_name: row.issueName,
    product_type_code: row.productTypeCode ?? "",
    mpid,
    participant_name: row.marketParticipantName,
    shares,
    trades,
    notional,
    last_update_date: lastUpdateDate,
  };
}

/**
 * Why a row of this date cannot be one of the week; null when it can. FINRA dates a row by its publication, or by its
 * restatement, which may be any later day: also the one on which another week was first published.
 */
function misfitOf(date: string, params: TradeActivityContext["params"]): string | null {
  const { tier, week_start, last_update_date } = params;
  if (date === last_update_date) return null;
  if (last_update_date !== null) {
    return `The row is dated ${date}; the rows of week ${week_start} of ${tier} were to be dated ${last_update_date}.`;
  }
  // A file has few dates: the calendar is asked once for each stretch of equal ones.
  if (date !== judged.date || params !== judged.params) {
    const published = publishedOn(week_start, tier);
    const misfit = `The row is dated ${date}, before week ${week_start} of ${tier} was first published on ${published}.`;
    judged = { date, params, misfit: date < published ? misfit : null };
  }
  return judged.misfit;
}

let judged: { readonly date: string; readonly params: unknown; readonly misfit: string | null } = {
  date: "",
  params: null,
  misfit: null,
};

/** Blanks inside are FINRA's own; at the ends they would make two texts of one identifier. */
function isIdentifier(text: string): boolean {
  return text !== "" && text.length <= MAX_IDENTIFIER && text.trim() === text;
}

function identifierMessage(name: string, text: string): string {
  if (text.trim() === "") return `The ${name} is empty.`;
  if (text.length > MAX_IDENTIFIER)
    return `The ${name} has ${text.length} characters, at most ${MAX_IDENTIFIER} are allowed.`;
  return `The ${name} "${text}" begins or ends with a blank.`;
}

/** A quantity as the table can keep it. */
function quantityOf(text: string): string | undefined {
  // Also keeps a hostile field of a million digits away from the arithmetic.
  if (!/^[+-]?\d{1,40}(\.\d{1,40})?$/.test(text)) return undefined;
  const quantity = decimal(text);
  const places = quantity.split(".")[1]?.length ?? 0;
  return places <= SHARE_PLACES && toUnits(quantity, SHARE_PLACES) <= MAX_SHARE_UNITS ? quantity : undefined;
}

function tradesOf(text: string): number | undefined {
  if (!/^[+-]?\d{1,40}$/.test(text)) return undefined;
  const trades = Number(text);
  // Adding 0 makes 0 of -0, which JSON would not keep.
  return Number.isSafeInteger(trades) ? trades + 0 : undefined;
}
