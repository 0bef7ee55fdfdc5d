/** A time as it is stored: ISO text in UTC with milliseconds, which sorts by time. */
export function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}
