/** The last time that its ISO text sorts by. */
export const LAST_INSTANT = Date.UTC(9999, 11, 31);
const WITH_ZONE = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)$/;

/** What a refusal says is expected. */
export const AN_INSTANT =
  "a Date or an ISO text with its zone, e.g. 2026-01-05T09:00:00Z, of a day that exists, up to the year 9999";

/** A Date, or an ISO text with its zone, in ms since the epoch; null for everything else: each process would read it in its own zone. */
export function toInstant(given: unknown): number | null {
  const known = given instanceof Date || (typeof given === "string" && WITH_ZONE.test(given) && isDay(given));
  const ms = known ? new Date(given).getTime() : Number.NaN;
  return ms <= LAST_INSTANT ? ms : null;
}

/** The 31st of February would quietly be the 3rd of March. */
function isDay(iso: string): boolean {
  const day = iso.slice(0, 10);
  const midnight = new Date(`${day}T00:00:00Z`);
  return !Number.isNaN(midnight.getTime()) && midnight.toISOString().startsWith(day);
}
