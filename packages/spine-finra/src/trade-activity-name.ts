/** The name of the table that weeks are loaded into. */
export const TRADE_ACTIVITY = "finra_otc_trade_activity";
