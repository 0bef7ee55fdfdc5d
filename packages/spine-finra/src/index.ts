// The public face of spine-finra. Generated test data: `spine-finra/testing`.

// Alerts
export { type FinraAlertOptions, type FinraAlerts, finraAlerts, finraWeeks } from "./alert-policy.ts";
// The Query API
export { finraOtc } from "./finra-otc.ts";
export {
  FINRA_API,
  FINRA_ORIGIN,
  type FinraCredentials,
  type FinraOtcOptions,
  SAMPLE_ORIGIN,
} from "./finra-otc-options.ts";
export { ATTRIBUTION, ingestWeek } from "./ingest-week.ts";
export { IngestWeekParams } from "./ingest-week-params.ts";
export { type FinraOptions, finra } from "./plugin.ts";
// Weeks and tiers
export { PUBLICATION_LAG_DAYS, publishedOn, toWeekStart, weekEnding, weekOf } from "./publication.ts";
// Reading what was loaded
export {
  type CapturedTradeActivity,
  captureAsOf,
  newerCapture,
  type QueryDatabase,
  type SymbolVolume,
  topSymbols,
  topVenues,
  tradeActivityOf,
  type VenueVolume,
  type Week,
  type WeekTotals,
  weekTotals,
} from "./queries.ts";
// Schedules
export { type FinraScheduleOptions, isUsMarketDay, US_MARKET } from "./schedules.ts";
export {
  parseTier,
  TIER_DESCRIPTIONS,
  TIER_NAMES,
  TIERS,
  type Tier,
  type TierName,
  tierOf,
} from "./tiers.ts";
// Rows and the table
export {
  ATS_BY_SYMBOL_AND_VENUE,
  OtcTradeActivity,
  type TradeActivityContext,
  type TradeActivityReject,
  toTradeActivity,
} from "./trade-activity.ts";
export { TRADE_ACTIVITY_KEY, tradeActivity } from "./trade-activity-table.ts";
export type { FinraOtcRequest } from "./week-query.ts";
export type { FinraServiceRequest, WeekRequest } from "./week-source.ts";
// Files
export { type DescribeFileOptions, describeFile, type WeeklyFile } from "./weekly-file.ts";
export { WEEKLY_FILE_COLUMNS, type WeeklyFileRow, type WeeklyRow } from "./weekly-file-columns.ts";
export {
  finraWeeklyFile,
  OTC_TRANSPARENCY,
  type WeeklyFileRequest,
  type WeeklyFileSourceOptions,
} from "./weekly-file-source.ts";
