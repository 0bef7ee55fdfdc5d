import { FINRA_ORIGIN, publishedOn, TIERS, type Tier, toWeekStart, weekEnding } from "spine-finra";
import type { Wanted } from "./ingest.ts";

/** Names of variables, not their values: FINRA's otcMarket answers without credentials too. */
const CLIENT_ID = "FINRA_CLIENT_ID";
const CLIENT_SECRET = "FINRA_CLIENT_SECRET";

/** What `finra({ queryApi })` is to use at the real service: credentials where the environment has them. */
export function liveCredentials(env: NodeJS.ProcessEnv = process.env) {
  if (!env[CLIENT_ID] || !env[CLIENT_SECRET]) return {};
  return { credentials: { clientId: `env:${CLIENT_ID}`, clientSecret: `env:${CLIENT_SECRET}` } };
}

/** A week of all three tiers from the real service: the named one, or of each tier the newest that is out by today. */
export function liveWeeks(day: string | null, today: string): readonly Wanted[] {
  return TIERS.map((tier) => {
    const week_start = day === null ? newestWeek(tier, today) : toWeekStart(day);
    return { tier, week_start, params: { tier, week_ending: weekEnding(week_start), source: FINRA_ORIGIN } };
  });
}

function newestWeek(tier: Tier, today: string): string {
  let week = toWeekStart(today);
  while (publishedOn(week, tier) > today) week = toWeekStart(dayBefore(week));
  return week;
}

function dayBefore(date: string): string {
  return new Date(Date.parse(`${date}T00:00:00Z`) - 86_400_000).toISOString().slice(0, 10);
}
