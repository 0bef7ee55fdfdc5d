// For tests, samples and benchmarks: generated weeks in FINRA's format. Nothing here is real data.

export { TIERS, type Tier } from "../tiers.ts";
export { type GeneratedWeek, generateWeek, weekFileName, weekLines } from "./generate-week.ts";
export { SAMPLE_WEEK } from "./sample-week.ts";
export { type DirtyCode, type ExpectedWeek, type GenerateWeekOptions, RAGGED_ROW } from "./week-rows.ts";
export { writeWeekFile } from "./write-week-file.ts";
