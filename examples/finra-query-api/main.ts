import { sqlite } from "spine-adapters/databases";
import { createSpine } from "spine-core";
import { finra, ingestWeek, weekTotals } from "spine-finra";
import { startFinraServer } from "spine-finra/testing";

// A local FINRA with generated data. Without `queryApi`, finra() asks the real one, https://api.finra.org.
await using server = await startFinraServer();
await using spine = await createSpine({
  database: sqlite("spine.db"),
  plugins: [finra({ queryApi: { baseUrl: server.url, origin: "SAMPLE", allowPrivate: true } })],
});
const run = await spine.run(ingestWeek, { tier: "T1", week_ending: "2026-03-06", source: "SAMPLE" });
const { outputs } = await run.result();
console.log(outputs.summary.source, outputs.summary.records, outputs.summary.attribution);
console.log(await weekTotals(spine.database, { tier: "T1", week_start: "2026-03-02" }));
