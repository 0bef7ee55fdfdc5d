import type { FinraWeek, FinraWeeks } from "../client/finra-api.ts";

/** What a chart's points are: weeks, or the largest symbols or venues of one week. */
export const ACTIVITY_BY = ["week", "symbol", "venue"] as const;
export type ActivityBy = (typeof ACTIVITY_BY)[number];

/** One point, with the shares as they were reported: an exact decimal. */
export interface ActivityPoint {
  /** What stands below it: a week's Friday, a symbol, a venue's MPID. */
  readonly point: string;
  /** More of it: a venue's name. */
  readonly name: string | null;
  readonly shares: string;
  readonly trades: number;
}

/** The points of a chart, from left to right: weeks by their time, symbols and venues by their shares. */
export function activityPoints(data: FinraWeek | FinraWeeks, by: ActivityBy): readonly ActivityPoint[] {
  if ("items" in data) {
    return data.items
      .map(({ week_ending, shares, trades }) => ({ point: week_ending, name: null, shares, trades }))
      .reverse();
  }
  if (by === "venue") {
    return data.top_venues.map(({ mpid, participant_name, shares, trades }) => ({
      point: mpid,
      name: participant_name,
      shares,
      trades,
    }));
  }
  return data.top_symbols.map(({ symbol, shares, trades }) => ({
    point: symbol,
    name: null,
    shares,
    trades,
  }));
}
