// For tests, samples and benchmarks: generated weeks in FINRA's format, and a local FINRA that answers with them.
// Nothing here is real data.

export { TIERS, type Tier } from "../tiers.ts";
export { type GeneratedWeek, generateWeek, weekFileName, weekLines } from "./generate-week.ts";
export { SAMPLE_WEEK } from "./sample-week.ts";
export type { Fault, FaultKind } from "./server/faults.ts";
export { type FinraRequest, type FinraServer, startFinraServer } from "./server/finra-server.ts";
export type { FinraServerOptions } from "./server/finra-server-options.ts";
export type { Restatement } from "./server/restate.ts";
export type { Credentials } from "./server/tokens.ts";
export { type DirtyCode, type ExpectedWeek, type GenerateWeekOptions, RAGGED_ROW } from "./week-rows.ts";
export { writeWeekFile } from "./write-week-file.ts";
