import {
  type AlertRoute,
  type Duration,
  definePartitions,
  type ExpectedData,
  type PartitionSet,
  weekly,
} from "spine-core";
import { ingestWeek } from "./ingest-week.ts";
import { isoWeekday } from "./iso-date.ts";
import { PUBLICATION_LAG_DAYS } from "./publication.ts";
import { TIERS, type Tier } from "./tiers.ts";
import { tradeActivity } from "./trade-activity-table.ts";
import { isUsMarketHoliday } from "./us-market-holidays.ts";

export interface FinraAlertOptions {
  /** The channels, by name, that are told of everything from WARNING on: bad data, failed runs, weeks that are late. */
  readonly chat: readonly string[];
  /** Those that are told of CRITICAL alerts as well; none when left out. */
  readonly page?: readonly string[];
  /** The first week that has to be there (any day of it, `YYYY-MM-DD`); no week is expected when left out. */
  readonly from?: string;
  /** How long after its publication a week may be missing; `"1d"` when left out. */
  readonly grace?: Duration;
}

/** A part of `createSpine({ alerts })`. */
export interface FinraAlerts {
  readonly routes: readonly AlertRoute[];
  readonly expect: readonly ExpectedData<PartitionSet>[];
}

const WEEK_DAYS = 7;

/**
 * The weeks that there are to be, by tier: each a publication lag after its Monday, on a day on which the markets are open.
 *
 * @param from any day of the first week, `YYYY-MM-DD`.
 * @example
 * const { missing } = await spine.partitions.doctor(finraWeeks("2026-01-05"));
 */
export function finraWeeks(from: string): PartitionSet {
  return definePartitions({
    table: tradeActivity,
    workflow: ingestWeek,
    dimensions: {
      week_start: weekly({ from, calendar: (day) => isoWeekday(day) <= 5 && !isUsMarketHoliday(day) }),
      tier: TIERS,
    },
    delay: ({ tier }) => `${PUBLICATION_LAG_DAYS[tier as Tier] - WEEK_DAYS}d`,
  });
}

/**
 * An alert policy for the plugin, as data for the host's own: put its routes before yours.
 *
 * @example
 * const policy = finraAlerts({ chat: ["slack"], page: ["pagerduty"], from: "2026-01-05" });
 * const alerts = { routes: [...policy.routes, { channels: ["slack"] }], expect: [...policy.expect] };
 */
export function finraAlerts({ chat, page = [], from, grace = "1d" }: FinraAlertOptions): FinraAlerts {
  const routes: readonly AlertRoute[] = [
    ...(page.length === 0
      ? []
      : [
          {
            match: { domain: "finra", severity: { atLeast: "CRITICAL" } },
            channels: page,
            continue: true,
          } as const,
        ]),
    { match: { domain: "finra", severity: { atLeast: "WARNING" } }, channels: chat },
    // A week that is late is nobody's run: it has a table. All that are late are one message.
    { match: { table: tradeActivity.name }, channels: chat, groupBy: ["table"] },
  ];
  return { routes, expect: from === undefined ? [] : [{ partitions: finraWeeks(from), grace }] };
}
