/** A row as the Query API answers it, by FINRA's field names; what does not apply is null. */
export type QueryRecord = Readonly<Record<string, string | number | null>>;

/** A dataset of group otcMarket: its fields with their types, and the keys that partition it. */
export interface QueryDataset {
  /** As FINRA spells it; requests may use any case. */
  readonly name: string;
  readonly fields: Readonly<Record<string, "String" | "Number" | "Date">>;
  readonly partitionKeys: readonly string[];
  /** The only fields that may be filtered by; any when left out. */
  readonly filterable?: readonly string[];
}

/** FINRA's own group name in answers, which differs from that in paths by its case. */
export const GROUP = "OTCMarket";

const WEEKLY_FIELDS = {
  issueSymbolIdentifier: "String",
  issueName: "String",
  firmCRDNumber: "Number",
  MPID: "String",
  marketParticipantName: "String",
  tierIdentifier: "String",
  tierDescription: "String",
  summaryStartDate: "Date",
  weekStartDate: "Date",
  totalWeeklyTradeCount: "Number",
  totalWeeklyShareQuantity: "Number",
  totalNotionalSum: "Number",
  productTypeCode: "String",
  summaryTypeCode: "String",
  initialPublishedDate: "Date",
  lastUpdateDate: "Date",
  lastReportedDate: "Date",
} as const;

const WEEKLY_PARTITIONS = ["weekStartDate", "tierIdentifier"] as const;

/** The datasets that the local server has; every other one is a 404 there. */
const DATASETS: readonly QueryDataset[] = [
  { name: "weeklySummary", fields: WEEKLY_FIELDS, partitionKeys: WEEKLY_PARTITIONS },
  {
    name: "weeklySummaryHistoric",
    fields: { ...WEEKLY_FIELDS, historicalWeek: "Date", historicalMonth: "String" },
    partitionKeys: WEEKLY_PARTITIONS,
    filterable: ["weekStartDate", "historicalWeek", "historicalMonth", "tierIdentifier"],
  },
  {
    name: "weeklyDownloadDetails",
    fields: { weekStartDate: "Date", tierIdentifier: "String", summaryTypeCode: "String" },
    partitionKeys: [],
  },
];

/** The dataset of a name in any case; that of its mock data is the same. Undefined for one that is not there. */
export function datasetOf(name: string): QueryDataset | undefined {
  const wanted = name.toLowerCase().replace(/mock$/, "");
  return DATASETS.find((dataset) => dataset.name.toLowerCase() === wanted);
}
