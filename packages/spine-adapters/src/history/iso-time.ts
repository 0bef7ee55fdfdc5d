let lastMs = Number.NaN;
let lastText = "";

/** A time as it is stored: ISO text in UTC with milliseconds, which sorts by time. */
export function isoTime(ms: number): string {
  // Writes come many at a time, and making the text takes as long as a small statement.
  if (ms !== lastMs) {
    lastText = new Date(ms).toISOString();
    lastMs = ms;
  }
  return lastText;
}
