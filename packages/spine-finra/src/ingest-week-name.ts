/** The name of the pipeline that loads a week. */
export const INGEST_WEEK = "finra.otc_transparency.ingest_week";
