import type { FinraWeek, FinraWeeks } from "../client/finra-api.ts";
import { weekFrom } from "./week.ts";

/** What a chart's points are: weeks, or the largest symbols or venues of one week. */
export const ACTIVITY_BY = ["week", "symbol", "venue"] as const;
export type ActivityBy = (typeof ACTIVITY_BY)[number];

/** One point, with the shares as they were reported: an exact decimal. */
export interface ActivityPoint {
  /** What stands below it: a week's Friday, a symbol, a venue's MPID. */
  readonly point: string;
  /** More of it: a venue's name. */
  readonly name: string | null;
  readonly shares: string | null;
  /** Null, as its shares, for a week that is not loaded and lies between others that are. */
  readonly trades: number | null;
}

/** The points of a chart, from left to right: weeks by their time, symbols and venues by their shares. */
export function activityPoints(data: FinraWeek | FinraWeeks, by: ActivityBy): readonly ActivityPoint[] {
  if ("items" in data) {
    return withGaps(
      data.items
        .map(({ week_ending, shares, trades }) => ({ point: week_ending, name: null, shares, trades }))
        .reverse(),
    );
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

/** More weeks than that in a row are not there: they are left out of the axis. */
const LONGEST_GAP = 8;

/** An axis of time says what is missing: weeks between those that are loaded have a place of their own. */
function withGaps(loaded: readonly ActivityPoint[]): readonly ActivityPoint[] {
  return loaded.flatMap((week, index) => {
    const next = loaded[index + 1];
    const missing: ActivityPoint[] = [];
    let day = weekFrom(week.point, 1);
    for (; next && day < next.point && missing.length < LONGEST_GAP; day = weekFrom(day, 1))
      missing.push({ point: day, name: null, shares: null, trades: null });
    return next && day < next.point ? [week] : [week, ...missing];
  });
}
