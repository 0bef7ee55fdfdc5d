import { addDays, isoWeekday } from "./iso-date.ts";

/** From the year in which markets first closed for it. */
const JUNETEENTH_SINCE = 2022;

/**
 * The holidays of the US stock markets that fall on a fixed rule, by date (`YYYY-MM-DD`), as far as they can
 * move a Monday publication: Good Friday and closings for a single occasion are left out. Rules: NYSE Rule
 * 7.2. Columbus Day and Veterans Day are trading days.
 *
 * A holiday on a Sunday is kept on Monday, one on a Saturday on Friday, except New Year's Day, which is not
 * kept at all when it falls on a Saturday.
 */
export function usMarketHolidays(year: number): ReadonlyMap<string, string> {
  const days: readonly (readonly [string | null, string])[] = [
    [isoWeekday(`${year}-01-01`) === 6 ? null : observed(`${year}-01-01`), "New Year's Day"],
    [nthMonday(year, 1, 3), "Martin Luther King Jr. Day"],
    [nthMonday(year, 2, 3), "Presidents' Day"],
    [lastMonday(year, 5), "Memorial Day"],
    [year < JUNETEENTH_SINCE ? null : observed(`${year}-06-19`), "Juneteenth"],
    [observed(`${year}-07-04`), "Independence Day"],
    [nthMonday(year, 9, 1), "Labor Day"],
    // The fourth Thursday is three days after the Monday of its week: the 22nd at the earliest.
    [addDays(mondayFrom(`${year}-11-19`), 3), "Thanksgiving Day"],
    [observed(`${year}-12-25`), "Christmas Day"],
  ];
  return new Map(days.filter((day): day is [string, string] => day[0] !== null));
}

/** True for a weekday on which the US stock markets are closed by rule (see {@link usMarketHolidays}). */
export function isUsMarketHoliday(date: string): boolean {
  return usMarketHolidays(Number(date.slice(0, 4))).has(date);
}

/**
 * True for Columbus Day and for Veterans Day as observed: federal holidays on which markets trade. Whether
 * FINRA publishes on them has not been seen either way.
 */
export function isFederalHolidayWithTrading(date: string): boolean {
  const year = Number(date.slice(0, 4));
  return date === nthMonday(year, 10, 2) || date === observed(`${year}-11-11`);
}

function observed(date: string): string {
  const weekday = isoWeekday(date);
  if (weekday === 7) return addDays(date, 1);
  return weekday === 6 ? addDays(date, -1) : date;
}

function nthMonday(year: number, month: number, n: number): string {
  return addDays(mondayFrom(`${year}-${twoDigits(month)}-01`), (n - 1) * 7);
}

function lastMonday(year: number, month: number): string {
  return addDays(mondayFrom(`${year}-${twoDigits(month + 1)}-01`), -7);
}

/** The first Monday on or after a date. */
function mondayFrom(date: string): string {
  return addDays(date, (8 - isoWeekday(date)) % 7);
}

function twoDigits(value: number): string {
  return String(value).padStart(2, "0");
}
