const DAY = 86_400_000;

/** The Monday and the Friday of the week that a day is in; null for what is no date. */
export function weekOf(day: string): { readonly from: string; readonly to: string } | null {
  const ms = /^\d{4}-\d{2}-\d{2}$/.test(day) ? Date.parse(`${day}T00:00:00Z`) : Number.NaN;
  if (Number.isNaN(ms)) return null;
  const monday = ms - ((new Date(ms).getUTCDay() + 6) % 7) * DAY;
  return { from: iso(monday), to: iso(monday + 4 * DAY) };
}

/** The Friday of the week so many weeks later, or earlier. */
export function weekFrom(day: string, weeks: number): string {
  const week = weekOf(day);
  return week ? iso(Date.parse(`${week.to}T00:00:00Z`) + weeks * 7 * DAY) : day;
}

function iso(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}
