import {
  acceptedValues,
  defineWorkflow,
  notNull,
  range,
  recordCount,
  rejectShare,
  satisfies,
  unique,
} from "spine-core";
import { FINRA_ORIGIN, SAMPLE_ORIGIN } from "./finra-otc-options.ts";
import { INGEST_WEEK } from "./ingest-week-name.ts";
import { IngestWeekParams } from "./ingest-week-params.ts";
import { ownWeek } from "./own-week.ts";
import { TIERS } from "./tiers.ts";
import { OtcTradeActivity, toTradeActivity } from "./trade-activity.ts";
import { TRADE_ACTIVITY_KEY, tradeActivity } from "./trade-activity-table.ts";
import type { WeekRequest } from "./week-source.ts";
import type { WeeklyRow } from "./weekly-file-columns.ts";
import { OTC_TRANSPARENCY } from "./weekly-file-source.ts";

/** FINRA's terms ask that it is named wherever the data, or what is derived from it, is shown. */
export const ATTRIBUTION = "Source and owner of the data: FINRA (OTC Transparency data).";

/** The same of generated data. @internal */
export const SAMPLE_ATTRIBUTION = "Generated data in FINRA's format: no real trades, and not FINRA's.";

// A trade was of one share at least until FINRA reported fractions: more trades than shares is possible now,
// but odd enough to be seen.
const tradesWithinShares = satisfies(
  "trades ≤ shares",
  (row: { readonly shares: string; readonly trades: number }) => row.trades <= Number(row.shares),
  { maxFailures: { fail: Number.POSITIVE_INFINITY } },
);

// FINRA's own files have no row in five thousand that cannot be used, or one. One in a hundred is worth a look; a file
// of which a tenth cannot be used is not the week that it should be, and must not take its place.
const MOST_REFUSED = { warn: 0.01, fail: 0.1 } as const;

/**
 * Ingests one week of one tier of FINRA's OTC Transparency data: reads the file, or asks the Query API where none is
 * named, refuses rows of another tier or date and rows that make no sense, checks what is left, and replaces the week's
 * partition of `finra_otc_trade_activity`. The rows that were there before are kept as captures; the very same content
 * again changes nothing. A week of which more than a tenth is refused, or a file whose rows are all dated like another
 * week, replaces nothing.
 *
 * The plugin `finra()` brings it together with its source. Errors: VALIDATION_FAILED (parameters),
 * SOURCE_* (the file, the service), QUALITY_FAILED (nothing is loaded then).
 *
 * @example
 * await spine.run(ingestWeek, { tier: "OTCE", week_ending: "2025-11-14" });
 * await spine.run(ingestWeek, { tier: "OTCE", week_ending: "2025-11-14", file: "/data/week.csv" });
 */
export const ingestWeek = defineWorkflow({
  name: INGEST_WEEK,
  domain: "finra",
  description: "Loads one week of one tier of FINRA OTC Transparency data (ATS volume by symbol and venue).",
  params: IngestWeekParams,
  partition: ({ params }) => ({ week_start: params.week_start, tier: params.tier }),
})
  .fetch<"fetch", WeekRequest, WeeklyRow>("fetch", {
    // By name: which folders and services rows may come from is the plugin's to say, not the workflow's.
    from: OTC_TRANSPARENCY,
    request: ({ params: { file, source = FINRA_ORIGIN, tier, week_start } }) =>
      file === undefined ? { tier, week_start, source } : { path: file },
  })
  .transform("transform", { from: "fetch", row: toTradeActivity, schema: OtcTradeActivity })
  .quality("quality", {
    on: "transform",
    checks: [
      recordCount({ min: 1 }),
      rejectShare(MOST_REFUSED),
      ownWeek,
      unique(TRADE_ACTIVITY_KEY, { name: "unique(natural key)" }),
      notNull(["symbol", "mpid", "shares", "trades"]),
      range("shares", { min: 0 }),
      range("trades", { min: 0 }),
      acceptedValues("tier", TIERS),
      tradesWithinShares,
    ],
  })
  .load("load", { from: "transform", into: tradeActivity, disposition: "replace-partition" })
  .step("summary", ({ outputs, params, metric }) => {
    const { fetch, transform, quality, load } = outputs;
    const rejected = fetch.rejected + transform.rejected;
    const warnings = quality.results.filter(({ status }) => status !== "PASS").length;
    metric("total_records", transform.rows);
    metric("rejected_records", rejected);
    metric("quality_warnings", warnings);
    return {
      tier: params.tier,
      week_start: params.week_start,
      week_ending: params.week_ending,
      records: transform.rows,
      rejected,
      inserted: load.inserted,
      superseded: load.superseded,
      unchanged: load.unchanged,
      quality_warnings: warnings,
      source: params.file ?? params.source ?? FINRA_ORIGIN,
      attribution: params.source === SAMPLE_ORIGIN ? SAMPLE_ATTRIBUTION : ATTRIBUTION,
    };
  });
