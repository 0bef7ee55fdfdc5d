/**
 * The columns of FINRA's weekly download, in order. Pipe-separated, with a header and without quotes,
 * escapes or a trailer. Source: the download files themselves.
 */
export const WEEKLY_FILE_COLUMNS = [
  "tierDescription",
  "issueSymbolIdentifier",
  "issueName",
  "marketParticipantName",
  "MPID",
  "totalWeeklyShareQuantity",
  "totalWeeklyTradeCount",
  "lastUpdateDate",
] as const;

/** A row of the file as it was read: all text. */
export type WeeklyFileRow = Readonly<Record<(typeof WEEKLY_FILE_COLUMNS)[number], string>>;

/** A row of either source: that of the file, and what the Query API adds to it. */
export interface WeeklyRow extends WeeklyFileRow {
  /** `UTP` or `CTS`; empty where there is none. */
  readonly productTypeCode?: string;
  /** Dollars, as decimal text; empty where there are none. */
  readonly totalNotionalSum?: string;
}
