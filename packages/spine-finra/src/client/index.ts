// FINRA's operations for browsers: nothing of Node's and no zod is loaded.

export { INGEST_WEEK } from "../ingest-week-name.ts";
export { TIERS, type Tier } from "../tier.ts";
export type { TierName } from "../tiers.ts";
export { TRADE_ACTIVITY } from "../trade-activity-name.ts";
export {
  type FinraApi,
  type FinraIngestRequest,
  type FinraIngestStarted,
  type FinraRequestOptions,
  type FinraTradeActivity,
  type FinraWeek,
  type FinraWeeks,
  finraApi,
  type WeekOfTier,
} from "./finra-api.ts";
