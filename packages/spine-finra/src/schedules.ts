import type { Schedule } from "spine-core";
import { ingestWeek } from "./ingest-week.ts";
import { isoWeekday } from "./iso-date.ts";
import { PUBLICATION_LAG_DAYS } from "./publication.ts";
import { TIERS } from "./tiers.ts";
import { isUsMarketHoliday } from "./us-market-holidays.ts";

export interface FinraScheduleOptions {
  /** True: weeks are loaded by themselves; the schedules are there, and not enabled, when left out. */
  readonly enabled?: boolean;
  /** The `origin` of the service that scheduled weeks come from, where there are several; FINRA's own when left out. */
  readonly source?: string;
}

/** The name of the calendar that the plugin brings: days on which the US stock markets trade. */
export const US_MARKET = "us-market";

/** True for a day on which the US stock markets trade, as far as that follows from rules. */
export function isUsMarketDay(date: string): boolean {
  return isoWeekday(date) <= 5 && !isUsMarketHoliday(date);
}

/**
 * A schedule for each tier: in the evening of the day on which FINRA publishes a week of it, which is a Monday or the next trading day.
 * What was missed in an outage is caught up, week by week. Not enabled: whoever wants one says so, by `spine.schedules.update(name, { enabled:
 * true })`, which outlives restarts, or with `finra({ schedules: true })`.
 */
export function weeklySchedules({ enabled = false, source }: FinraScheduleOptions): readonly Schedule[] {
  return TIERS.map((tier) =>
    Object.freeze({
      name: `finra.otc_transparency.${tier.toLowerCase()}`,
      workflow: ingestWeek,
      // Any day of the week is taken: also where the day of publication has moved to a Tuesday.
      params: {
        tier,
        week_ending: `{scheduled_date - ${PUBLICATION_LAG_DAYS[tier]}d}`,
        ...(source === undefined ? {} : { source }),
      },
      cron: "0 18 * * 1",
      timezone: "America/New_York",
      calendar: US_MARKET,
      closedDays: "next",
      catchUp: { policy: "all", max: 52, window: "365d" },
      overlap: "queue",
      jitter: "10m",
      tags: ["finra"],
      enabled,
    } satisfies Schedule),
  );
}
