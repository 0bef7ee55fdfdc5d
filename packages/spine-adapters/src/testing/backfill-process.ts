// Works on what is there, and kills itself at the n-th moment; without one it works until there is nothing left of the run.
import { createSpine, silentLogger } from "spine-core";
import { withCrashPoints } from "spine-core/testing";
import { ingestTrades } from "./backfill-flow.ts";
import { type Address, databaseAt } from "./places.ts";

const [runId = "", dies = "", ...address] = process.argv.slice(2);
let reached = 0;
const spine = await createSpine({
  database: withCrashPoints(databaseAt(address as unknown as Address), () => {
    reached += 1;
    if (reached === Number(dies)) process.kill(process.pid, "SIGKILL");
  }),
  workflows: [ingestTrades],
  logger: silentLogger,
  // More processes than usual end at work on one run.
  maxCrashes: 1_000,
});
await (await spine.attach(runId)).result();
await spine.stop();
