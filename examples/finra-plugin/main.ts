import { dirname } from "node:path";
import { sqlite } from "spine-adapters/databases";
import { createSpine } from "spine-core";
import { describeFile, finra, ingestWeek, topSymbols, weekTotals } from "spine-finra";

// The file itself says which tier and week it holds.
const file = await describeFile(process.argv[2] ?? "finra_otc_weekly_otc_20251215.csv");
const { path, tier, week_ending, last_update_date } = file;

await using spine = await createSpine({
  database: sqlite("spine.db"),
  plugins: [finra({ fileRoots: [dirname(path)] })],
});
const run = await spine.run(ingestWeek, { tier, week_ending, last_update_date, file: path });
const { outputs } = await run.result();
console.log(outputs.summary.records, outputs.load.inserted);

const week = { week_start: outputs.summary.week_start, tier };
console.log(await weekTotals(spine.database, week), await topSymbols(spine.database, week, 5));
