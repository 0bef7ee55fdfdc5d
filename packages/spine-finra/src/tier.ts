/**
 * FINRA's tiers as its Query API names them: T1 (NMS Tier 1: S&P 500, Russell 1000 and some ETPs), T2 (all
 * other NMS stocks), OTCE (OTC equities).
 */
export const TIERS = ["T1", "T2", "OTCE"] as const;
export type Tier = (typeof TIERS)[number];
