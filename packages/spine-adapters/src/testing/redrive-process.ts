// Drives the rejects of a run again, and kills itself at the n-th moment after it was asked to.
import { createSpine, silentLogger } from "spine-core";
import { withCrashPoints } from "spine-core/testing";
import { type Address, databaseAt } from "./places.ts";
import { redriveFlow, redriveOptions } from "./redrive-flow.ts";

const [runId = "", dies = "", ...address] = process.argv.slice(2);
let reached = Number.NEGATIVE_INFINITY;
const spine = await createSpine({
  database: withCrashPoints(databaseAt(address as unknown as Address), () => {
    reached += 1;
    if (reached === Number(dies)) process.kill(process.pid, "SIGKILL");
  }),
  workflows: [redriveFlow],
  logger: silentLogger,
});
reached = 0;
await (await spine.rejects.redrive(runId, { ...redriveOptions, key: `again ${dies}` })).result();
await spine.stop();
