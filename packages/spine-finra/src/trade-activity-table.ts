import { defineTable } from "spine-core";
import { TRADE_ACTIVITY } from "./trade-activity-name.ts";

/** What identifies a row: FINRA's own data is not unique in less. */
export const TRADE_ACTIVITY_KEY = [
  "week_start",
  "tier",
  "summary_type_code",
  "symbol",
  "mpid",
  "issue_name",
  "product_type_code",
] as const;

/**
 * Weekly OTC volume by symbol and venue: one row per natural key, the current rows only. What a restatement
 * replaced is in `finra_otc_trade_activity_captures`. The key is longer than week, tier, symbol and venue,
 * because FINRA has two rows for these when a symbol changes its tape or its issuer within a week.
 */
export const tradeActivity = defineTable({
  name: TRADE_ACTIVITY,
  captures: "finra_otc_trade_activity_captures",
  partition: ["week_start", "tier"],
  key: TRADE_ACTIVITY_KEY,
  columns: {
    week_start: "date",
    tier: "text",
    summary_type_code: "text",
    symbol: "text",
    mpid: "text",
    issue_name: "text",
    product_type_code: "text",
    participant_name: "text",
    shares: "decimal",
    trades: "integer",
    notional: "decimal?",
    last_update_date: "date",
  },
});
