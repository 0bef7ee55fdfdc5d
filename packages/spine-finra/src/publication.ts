import { ValidationError } from "spine-core";
import { addDays, isoWeekday } from "./iso-date.ts";
import type { Tier } from "./tiers.ts";
import { isFederalHolidayWithTrading, isUsMarketHoliday } from "./us-market-holidays.ts";

/**
 * Days from the Monday of a week to the Monday of its first publication. FINRA Rules 6110 and 6610: no
 * earlier than two weeks (Tier 1) or four weeks (the others) after the end of the week.
 */
export const PUBLICATION_LAG_DAYS: Readonly<Record<Tier, number>> = { T1: 21, T2: 35, OTCE: 35 };

/** The Monday of the week that a date is in; weeks run from Monday to Sunday. Dates are `YYYY-MM-DD`. */
export function toWeekStart(date: string): string {
  return addDays(date, 1 - isoWeekday(date));
}

/** The Friday of the week that a date is in: what FINRA calls the week ending. */
export function weekEnding(date: string): string {
  return addDays(toWeekStart(date), 4);
}

/**
 * The day on which FINRA first publishes a week: a Monday three or five weeks after the week's own, or the
 * next trading day after it. Seen to hold for 38 recorded Tier 1 weeks, four of them due on a holiday.
 *
 * @param weekStart any day of the week, as `YYYY-MM-DD`.
 */
export function publishedOn(weekStart: string, tier: Tier): string {
  let date = addDays(toWeekStart(weekStart), PUBLICATION_LAG_DAYS[tier]);
  while (isoWeekday(date) > 5 || isUsMarketHoliday(date)) date = addDays(date, 1);
  return date;
}

/**
 * The Monday of the week that was first published on a date: the inverse of {@link publishedOn}. The files
 * do not name their week, so this is how it is known. Never "three days before the publication".
 *
 * @throws ValidationError for a day on which no week is first published, such as the date of a restatement.
 */
export function weekOf(publicationDate: string, tier: Tier): string {
  const week = weekFirstPublishedOn(publicationDate, tier);
  if (week !== null) return week;
  throw new ValidationError(
    `FINRA first publishes no week of tier ${tier} on ${publicationDate}: it does so on Mondays, or on the next trading day after a holiday. If the rows are restated, name the week that they are of (week_ending).`,
  );
}

/** The Monday of the week that was first published on a date; null for a day on which none is. */
export function weekFirstPublishedOn(date: string, tier: Tier): string | null {
  const due = toWeekStart(date);
  for (let day = due; day < date; day = addDays(day, 1)) {
    // Either way the date stands for the same week, so a Tuesday after such a Monday is taken as well.
    if (!isUsMarketHoliday(day) && !isFederalHolidayWithTrading(day)) return null;
  }
  return isUsMarketHoliday(date) ? null : addDays(due, -PUBLICATION_LAG_DAYS[tier]);
}
