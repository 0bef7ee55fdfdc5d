"use client";
// What shows FINRA's data in a React app: with spine-react's provider, and with styles.css of both.

export type { ActivityBy } from "./activity-series.ts";
export { type ChosenWeek, FinraIngestPanel, type FinraIngestPanelProps } from "./finra-ingest-panel.tsx";
export { finraQueries } from "./finra-queries.ts";
export type { FinraLabels } from "./labels.ts";
export { TradeActivityChart, type TradeActivityChartProps } from "./trade-activity-chart.tsx";
