/**
 * The wait that a `Retry-After` header asks for, in milliseconds: its seconds, or the time until its date by the server's own
 * clock. Null for none, and for what makes no sense.
 *
 * @param date the answer's `Date` header
 */
export function retryAfterMs(value: string | null, date: string | null, now: number): number | null {
  const text = value?.trim() ?? "";
  if (/^\d{1,15}$/.test(text)) return Number(text) * 1000;
  // A date has letters: `Date.parse` takes a bare "-5" or "1.5" for a year or a month.
  if (!/^[a-z]{3,9},? /i.test(text)) return null;
  const until = Date.parse(text);
  if (Number.isNaN(until)) return null;
  const said = date === null ? Number.NaN : Date.parse(date);
  return Math.max(0, until - (Number.isNaN(said) ? now : said));
}
