import { fromUnits } from "spine-core";
import { addDays } from "../iso-date.ts";
import { publishedOn, toWeekStart } from "../publication.ts";
import { TIER_DESCRIPTIONS, type Tier } from "../tiers.ts";
import type { TradeActivityReject } from "../trade-activity.ts";
import { type Issue, inventIssues } from "./issuers.ts";
import { type Random, seededRandom } from "./random.ts";
import { VENUES, type Venue } from "./venues.ts";

/** The code of rows with too few or too many fields, which the file source itself refuses. */
export const RAGGED_ROW = "RAGGED_ROW";

/** Bad rows that can be asked for, by the reason code that they are refused with. */
export type DirtyCode =
  | Extract<
      TradeActivityReject,
      | "INVALID_SYMBOL"
      | "INVALID_SHARES"
      | "NEGATIVE_VOLUME"
      | "TIER_MISMATCH"
      | "WEEK_MISMATCH"
      | "ZERO_VOLUME"
    >
  | typeof RAGGED_ROW;

export interface GenerateWeekOptions {
  /** Any day of the week, `YYYY-MM-DD`. */
  readonly weekStart: string;
  readonly tier: Tier;
  /** Another seed gives another week of the same kind; the same seed the same bytes. */
  readonly seed?: string | number;
  /** How many issues have rows; each has several venues. By default about 4,000 rows come out of it. */
  readonly symbols?: number;
  /** Whether some quantities have decimals; by default as in reality, from the week of 2026-02-23 on. */
  readonly fractional?: boolean;
  /** How many bad rows of each kind; one of each of the usual ones when left out, `{}` for none. */
  readonly dirty?: Readonly<Partial<Record<DirtyCode, number>>>;
}

/** What an ingest of a generated file must come to. */
export interface ExpectedWeek {
  /** Accepted rows. */
  readonly rows: number;
  /** Refused rows by reason code. */
  readonly rejected: Readonly<Record<string, number>>;
  /** Of the accepted rows; exact decimal text. */
  readonly shares: string;
  readonly trades: number;
  /** Distinct symbols, case kept. */
  readonly symbols: number;
}

const FRACTIONAL_SINCE = "2026-02-23";
const DEFAULT_SYMBOLS: Readonly<Record<Tier, number>> = { T1: 360, T2: 420, OTCE: 2_200 };
const DEFAULT_DIRTY = { INVALID_SYMBOL: 1, NEGATIVE_VOLUME: 1, TIER_MISMATCH: 1, RAGGED_ROW: 1 } as const;
/** Shares of the largest symbol, and shares a trade: OTCE adds up to about a real week, the others to less. */
const SCALE: Readonly<Record<Tier, { readonly top: number; readonly tradeSize: number }>> = {
  T1: { top: 60_000_000, tradeSize: 110 },
  T2: { top: 25_000_000, tradeSize: 140 },
  OTCE: { top: 250_000_000, tradeSize: 2_800 },
};
/** A row as the file has it: all text, in the order of its columns. */
export interface GeneratedRow {
  readonly fields: readonly string[];
  /** Why it must be refused; null for a good one. */
  readonly code: DirtyCode | null;
}

/**
 * The rows of a week, good and bad, in the order of the file; returns what they add up to. The one generator: weekly
 * files and the answers of the local Query API are both made of it.
 */
export function* weekRows(options: GenerateWeekOptions): Generator<GeneratedRow, ExpectedWeek, undefined> {
  const { tier, seed = 1 } = options;
  const week = toWeekStart(options.weekStart);
  const random = seededRandom(`${seed}/${tier}/${week}`);
  const date = publishedOn(week, tier);
  const tierText = TIER_DESCRIPTIONS[tier];
  const fractional = options.fractional ?? week >= FRACTIONAL_SINCE;
  const issues = inventIssues(tier, options.symbols ?? DEFAULT_SYMBOLS[tier], random);
  const dirty = Object.entries(options.dirty ?? DEFAULT_DIRTY) as [DirtyCode, number][];
  const atEnd = dirty.find(([code]) => code === "INVALID_SYMBOL")?.[1] ?? 0;
  const pending = dirty.flatMap(([code, n]) =>
    code === "INVALID_SYMBOL" ? [] : Array<DirtyCode>(n).fill(code),
  );
  const bad = (code: DirtyCode) => ({ fields: dirtyFields(code, tierText, date, random), code });

  let rows = 0;
  let units = 0n;
  let trades = 0;
  const symbols = new Set<string>();
  for (const issue of issues) {
    for (const row of rowsOfIssue(issue, tier, fractional, issues.length, random)) {
      const { mpid, name } = row.venue;
      yield {
        fields: [
          tierText,
          issue.symbol,
          issue.name,
          `${mpid} ${name}`,
          mpid,
          fromUnits(row.units, 6),
          `${row.trades}`,
          date,
        ],
        code: null,
      };
      rows += 1;
      units += row.units;
      trades += row.trades;
    }
    symbols.add(issue.symbol);
    const code = pending.shift();
    if (code) yield bad(code);
  }
  for (const code of pending) yield bad(code);
  // As in reality: rows without a symbol sort last.
  for (let left = atEnd; left > 0; left--) yield bad("INVALID_SYMBOL");
  const rejected = Object.fromEntries(dirty.filter(([, n]) => n > 0));
  return { rows, rejected, shares: fromUnits(units, 6), trades, symbols: symbols.size };
}

interface VenueRow {
  readonly venue: Venue;
  /** Millionths of a share. */
  readonly units: bigint;
  readonly trades: number;
}

/** A few symbols have most of the volume, and in each of them a few venues have most of it (power laws). */
function rowsOfIssue(
  issue: Issue,
  tier: Tier,
  fractional: boolean,
  issues: number,
  random: Random,
): readonly VenueRow[] {
  const { top, tradeSize } = SCALE[tier];
  const rank = 1 + random.next() * issues;
  const volume = top / rank ** 1.1;
  const all = VENUES[tier];
  const reached = all.filter(({ reach }) => random.next() < reach);
  // FINRA has no rows without a venue: an issue that none would reach is on one of the large ones.
  const venues = reached.length > 0 ? reached : [random.pick(all.slice(0, 2))];
  // The awkward ticker with two issuers has both on the largest venue, so that only the whole key tells them apart.
  const first = all[0] as Venue;
  const own = issue.symbol === "QRNA" && !venues.includes(first) ? [first, ...venues] : venues;
  const weights = own.reduce((sum, { weight }) => sum + weight, 0);
  return own.map((venue) => {
    const noise = 0.3 + 1.4 * random.next();
    const shares = Math.max(1, Math.round((volume * noise * venue.weight) / weights));
    const trades = Math.max(1, Math.round(shares / (tradeSize * (0.4 + 1.2 * random.next()))));
    const fraction = fractional && random.next() < 0.2 ? 1 + random.int(999_999) : 0;
    return { venue, units: BigInt(shares) * 1_000_000n + BigInt(fraction), trades };
  });
}

function dirtyFields(code: DirtyCode, tier: string, date: string, random: Random): readonly string[] {
  const shares = `${1 + random.int(5_000)}`;
  const row = (fields: { tier?: string; shares?: string; trades?: string; date?: string }) => [
    fields.tier ?? tier,
    "ZQBAD",
    "Spoilt Row Holdings, Inc.",
    "OTCN OTC LINK NQB IDQS",
    "OTCN",
    fields.shares ?? shares,
    fields.trades ?? "1",
    fields.date ?? date,
  ];
  switch (code) {
    case "INVALID_SYMBOL":
      return [tier, "", "", "PPEX NORTH CAPITAL PRIVATE SECURITIES CORPORATION", "PPEX", shares, "1", date];
    case "INVALID_SHARES":
      return row({ shares: "1,234" });
    case "NEGATIVE_VOLUME":
      return row({ shares: `-${shares}` });
    case "ZERO_VOLUME":
      return row({ shares: "0", trades: "0" });
    case "TIER_MISMATCH":
      return row({ tier: tier === TIER_DESCRIPTIONS.T1 ? TIER_DESCRIPTIONS.T2 : TIER_DESCRIPTIONS.T1 });
    case "WEEK_MISMATCH":
      return row({ date: addDays(date, -7) });
    case RAGGED_ROW:
      return row({}).slice(0, 6);
  }
}
