import { ValidationError } from "spine-core";

const DAY = 86_400_000;
const ISO_DATE = /^\d{4}-\d{2}-\d{2}$/;

/** True for a calendar date as `YYYY-MM-DD` that exists: `2025-02-30` does not. */
export function isIsoDate(text: string): boolean {
  if (!ISO_DATE.test(text)) return false;
  const ms = Date.parse(`${text}T00:00:00Z`);
  // An engine may roll 30 February over into March instead of refusing it.
  return !Number.isNaN(ms) && isoDate(ms) === text;
}

/** The date so many days later (or earlier, when negative). Throws a ValidationError for what is no date. */
export function addDays(date: string, days: number): string {
  return isoDate(toMs(date) + days * DAY);
}

/** The day of the week as ISO 8601 counts it: 1 is Monday, 7 is Sunday. */
export function isoWeekday(date: string): number {
  return new Date(toMs(date)).getUTCDay() || 7;
}

function toMs(date: string): number {
  if (!isIsoDate(date)) throw new ValidationError(`"${date}" is not a date of the form YYYY-MM-DD.`);
  return Date.parse(`${date}T00:00:00Z`);
}

function isoDate(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}
