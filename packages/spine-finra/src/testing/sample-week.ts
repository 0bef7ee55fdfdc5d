/** The Monday of the week that samples are generated for: recent enough to have fractional shares. */
export const SAMPLE_WEEK = "2026-03-02";
