import { aFunction, anything, checkOptions, type OptionKinds, oneOf, required } from "../check-options.ts";
import { SpineError } from "../errors.ts";
import { shown } from "../shown.ts";

export const DAY_MS = 86_400_000;
const WEEKDAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"] as const;
export type Weekday = (typeof WEEKDAYS)[number];

/** True for a day (`YYYY-MM-DD`) on which there is business. */
export type Calendar = (date: string) => boolean;

interface PeriodOptions {
  /** The first day that may be in a period, `YYYY-MM-DD`: the first period is the first one that begins on it or later. */
  readonly from: string;
  /** No period begins after this day; left out, there is no last one. */
  readonly to?: string;
  /** Which days count, all of them when left out: a period of which no day does is not expected. */
  readonly calendar?: Calendar;
  /** What a period is called by: its first day (when left out), or its last. */
  readonly named?: "start" | "end";
}
export type DailyOptions = Omit<PeriodOptions, "named">;
export type MonthlyOptions = PeriodOptions;
export interface WeeklyOptions extends PeriodOptions {
  /** The first day of a week; monday when left out. */
  readonly starts?: Weekday;
}

/** A time dimension: periods one after another, in whole days of UTC. */
export interface Periods {
  readonly kind: "periods";
  /** The first day of the first period that begins on a day or later (days since the epoch); null behind the last one. */
  next(day: number): number | null;
  /** The day behind a period that begins on a day. */
  end(day: number): number;
  readonly calendar: Calendar | null;
  readonly named: "start" | "end";
}

const DAILY: OptionKinds<DailyOptions> = { from: required(anything), to: anything, calendar: aFunction };
const MONTHLY: OptionKinds<MonthlyOptions> = { ...DAILY, named: oneOf(["start", "end"]) };
const WEEKLY: OptionKinds<WeeklyOptions> = { ...MONTHLY, starts: oneOf(WEEKDAYS) };
const CODE = { code: "CONFIG_INVALID" } as const;

/** A partition for each day. @throws SpineError CONFIG_INVALID @example const days = daily({ from: "2026-01-01" }); */
export function daily(options: DailyOptions): Periods {
  checkOptions(options, DAILY, { of: "daily", ...CODE });
  return periods(
    options,
    (day) => day,
    (day) => day + 1,
  );
}

/** A partition for each week. @throws SpineError CONFIG_INVALID @example const weeks = weekly({ starts: "monday", from: "2026-01-05" }); */
export function weekly(options: WeeklyOptions): Periods {
  checkOptions(options, WEEKLY, { of: "weekly", ...CODE });
  // Day 0 was a Thursday.
  const first = WEEKDAYS.indexOf(options.starts ?? "monday") + 4;
  return periods(
    options,
    (day) => first + 7 * Math.ceil((day - first) / 7),
    (day) => day + 7,
  );
}

/** A partition for each month. @throws SpineError CONFIG_INVALID @example const months = monthly({ from: "2026-01-01", named: "end" }); */
export function monthly(options: MonthlyOptions): Periods {
  checkOptions(options, MONTHLY, { of: "monthly", ...CODE });
  const firstOf = (year: number, month: number) => Date.UTC(year, month, 1) / DAY_MS;
  const after = (day: number) => {
    const date = new Date(day * DAY_MS);
    return firstOf(date.getUTCFullYear(), date.getUTCMonth() + 1);
  };
  return periods(options, (day) => after(day - 1), after);
}

/** @param starts the first day on or after a day on which a period begins. */
function periods(
  { from, to, calendar, named = "start" }: PeriodOptions,
  starts: (day: number) => number,
  end: (day: number) => number,
): Periods {
  const first = toDay(from, "The `from` of a time dimension");
  const last = to === undefined ? LAST_DAY : toDay(to, "The `to` of a time dimension");
  return Object.freeze({
    kind: "periods",
    next: (day: number) => {
      const next = starts(Math.max(day, first));
      return next > last ? null : next;
    },
    end,
    calendar: calendar ?? null,
    named,
  });
}

const LAST_DAY = Date.UTC(9999, 0, 1) / DAY_MS;
const DATE = /^\d{4}-\d\d-\d\d$/;

/** A date in days since the epoch. @throws SpineError CONFIG_INVALID for what is none. */
export function toDay(date: unknown, whose: string): number {
  const ms = typeof date === "string" && DATE.test(date) ? Date.parse(`${date}T00:00:00Z`) : Number.NaN;
  if (!Number.isNaN(ms) && toDate(ms / DAY_MS) === date && ms / DAY_MS <= LAST_DAY) return ms / DAY_MS;
  throw new SpineError("CONFIG_INVALID", `${whose} is ${shown(date)}; use a date such as "2026-01-05".`);
}

/** The date of a day since the epoch. */
export function toDate(day: number): string {
  return new Date(day * DAY_MS).toISOString().slice(0, 10);
}
