/** The texts of FINRA's components; `{…}` stands for a value. */
export interface FinraLabels {
  readonly chartTitle: string;
  readonly chartTitleWeek: string;
  readonly by: string;
  readonly byWeek: string;
  readonly bySymbol: string;
  readonly byVenue: string;
  readonly week: string;
  readonly symbol: string;
  readonly venue: string;
  readonly shares: string;
  readonly trades: string;
  readonly noWeeks: string;
  readonly notLoaded: string;
  readonly panelTitle: string;
  readonly tier: string;
  readonly tierT1: string;
  readonly tierT2: string;
  readonly tierOTCE: string;
  readonly weekEnding: string;
  readonly weekFromTo: string;
  readonly weekBefore: string;
  readonly weekAfter: string;
  readonly run: string;
  readonly starting: string;
  readonly runTitle: string;
}

const ENGLISH: FinraLabels = {
  chartTitle: "Trade activity, {tier}",
  chartTitleWeek: "Trade activity, {tier}, week ending {week}",
  by: "Chart by",
  byWeek: "Weeks",
  bySymbol: "Symbols",
  byVenue: "Venues",
  week: "Week ending",
  symbol: "Symbol",
  venue: "Venue",
  shares: "Shares",
  trades: "Trades",
  noWeeks: "No week of this tier is loaded yet.",
  notLoaded: "This week is not loaded yet.",
  panelTitle: "Weekly OTC data",
  tier: "Tier",
  tierT1: "NMS Tier 1",
  tierT2: "NMS Tier 2",
  tierOTCE: "OTC equities",
  weekEnding: "Week ending",
  weekFromTo: "Monday {from} to Friday {to}",
  weekBefore: "The week before",
  weekAfter: "The week after",
  run: "Run ingestion",
  starting: "Starting…",
  runTitle: "{tier}, week ending {week}",
};

/** Writes the texts: those that are given, and the English ones. */
export function finraTexts(labels: Partial<FinraLabels> = {}) {
  return (key: keyof FinraLabels, values: Readonly<Record<string, string>> = {}): string =>
    (labels[key] ?? ENGLISH[key]).replace(/\{(\w+)\}/g, (same, name: string) => values[name] ?? same);
}
