const DATE = /^\d{4}-\d{2}-\d{2}$/;
const TIMESTAMP = /^\d{4}-\d{2}-\d{2}T(\d{2}):(\d{2})(?::(\d{2})(?:\.(\d+))?)?(?:Z|([+-])(\d{2}):(\d{2}))$/;
/** `2025-01-06T09:30:00.000Z`, as nearly all are written. */
const CANONICAL_LENGTH = 24;
const DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] as const;
/** What Postgres takes: whole hours of an offset. */
const MOST_OFFSET = 15;

/** True for the text of a day that there is: `2026-02-31` is none, and Postgres refuses it too. */
export function isDate(text: string): boolean {
  return DATE.test(text) && isDay(text);
}

/**
 * The one spelling of an instant, which is how a query of Postgres spells it: UTC, with the digits of its fraction, three at the least
 * and six at most. SQLite compares texts, and would take two spellings for two instants. Null where the text is no instant.
 */
export function storedTimestamp(text: string): string | null {
  const match = TIMESTAMP.exec(text);
  if (!match || !isDay(text)) return null;
  const [, hour = "", minute = "", second = "00", fraction = "", sign, offsetHour, offsetMinute] = match;
  if (hour < "24" && minute < "60" && second < "60") {
    if (text.length === CANONICAL_LENGTH && text.endsWith("Z")) return text;
    if (sign === undefined && fraction === "") return `${text.slice(0, 16)}:${second}.000Z`;
  } else if (
    hour === "24" ? minute !== "00" || !/^0*$/.test(second + fraction) : !isLeap(hour, minute, second)
  )
    return null;
  if (Number(offsetHour ?? 0) > MOST_OFFSET || Number(offsetMinute ?? 0) > 59) return null;
  const micros = rounded(Number(`0.${fraction}0`) * 1e6);
  const offset = (Number(offsetHour ?? 0) * 60 + Number(offsetMinute ?? 0)) * (sign === "-" ? -1 : 1);
  // Only the day's own text is a year below 100 as it is: `Date.UTC` would take it for one of 1900.
  const midnight = Date.parse(`${text.slice(0, 10)}T00:00:00.000Z`);
  const seconds = Number(hour) * 3_600 + (Number(minute) - offset) * 60 + Number(second);
  const whole = new Date(midnight + seconds * 1_000 + Math.floor(micros / 1_000)).toISOString();
  // Beyond four digits of a year texts would not sort as their times do.
  if (whole.length !== CANONICAL_LENGTH || whole.startsWith("0000")) return null;
  const rest = String(micros % 1_000)
    .padStart(3, "0")
    .replace(/0+$/, "");
  return `${whole.slice(0, -1)}${rest}Z`;
}

/** The second that is put in: Postgres takes it at the end of any minute, and it is the first of the next one. */
function isLeap(hour: string, minute: string, second: string): boolean {
  return hour < "24" && minute < "60" && second === "60";
}

/** Of a text that begins like a date: by its digits, because this is asked for each row. */
function isDay(text: string): boolean {
  const year = digits(text, 0) * 100 + digits(text, 2);
  const month = digits(text, 5);
  const day = digits(text, 8);
  if (year === 0 || month === 0 || day === 0 || month > 12) return false;
  const isLeapYear = month === 2 && year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  return day <= (isLeapYear ? 29 : (DAYS[month - 1] ?? 0));
}

/** A half goes to the even neighbour, as Postgres has it. */
function rounded(value: number): number {
  const nearest = Math.round(value);
  return nearest - value === 0.5 && nearest % 2 === 1 ? nearest - 1 : nearest;
}

function digits(text: string, at: number): number {
  return text.charCodeAt(at) * 10 + text.charCodeAt(at + 1) - 528;
}
