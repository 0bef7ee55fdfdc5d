import { SpineError } from "../errors.ts";
import type { Calendar } from "../partitions/period.ts";

/** Calendars by their names. */
export type Calendars = ReadonlyMap<string, Calendar>;

/** True from Monday to Friday: the calendar that is always there. */
export const weekdays: Calendar = (date) => {
  const day = new Date(`${date}T00:00:00Z`).getUTCDay();
  return day > 0 && day < 6;
};

/**
 * The calendars that a process knows, with those that are always there.
 *
 * @throws SpineError CONFIG_INVALID for what is no function, DUPLICATE_NAME for two of a name.
 */
export function calendarsOf(given: readonly (Readonly<Record<string, Calendar>> | undefined)[]): Calendars {
  const calendars = new Map<string, Calendar>([["weekdays", weekdays]]);
  for (const [name, calendar] of given.flatMap((each) => Object.entries(each ?? {}))) {
    if (typeof calendar !== "function") {
      const text = `The calendar "${name}" is no function. It takes a date such as "2026-01-05", and returns true for a day on which there is business.`;
      throw new SpineError("CONFIG_INVALID", text, {
        detail: { issues: [{ path: `/calendars/${name}`, message: "is no function" }] },
      });
    }
    if (calendars.has(name) && calendars.get(name) !== calendar) {
      throw new SpineError("DUPLICATE_NAME", `Two different calendars are named "${name}". Rename one.`);
    }
    calendars.set(name, calendar);
  }
  return calendars;
}
