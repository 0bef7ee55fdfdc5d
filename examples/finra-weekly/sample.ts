import { SAMPLE_ORIGIN, TIERS, weekEnding } from "spine-finra";
import { SAMPLE_WEEK } from "spine-finra/testing";
import type { Wanted } from "./ingest.ts";

/** The sample week, all three tiers, of the local server: generated, the same each time. */
export function sampleWeeks(): readonly Wanted[] {
  const week_ending = weekEnding(SAMPLE_WEEK);
  return TIERS.map((tier) => ({
    tier,
    week_start: SAMPLE_WEEK,
    params: { tier, week_ending, source: SAMPLE_ORIGIN },
  }));
}
