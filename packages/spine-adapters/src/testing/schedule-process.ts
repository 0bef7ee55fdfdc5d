// Takes ticks and works on their runs until it is told to leave, by a message; with `before` or `after`, it kills itself at its second
// transaction; `ahead`: its clock is an hour ahead.
import { createSpine, silentLogger } from "spine-core";
import { withCrashPoints } from "spine-core/testing";
import { type Address, databaseAt } from "./places.ts";
import { tickFlow } from "./schedule-flow.ts";

const [dies = "", ...address] = process.argv.slice(2);
if (dies === "ahead") {
  const { now } = Date;
  Date.now = () => now() + 3_600_000;
}
let reached = 0;
const spine = await createSpine({
  database: withCrashPoints(databaseAt(address as unknown as Address), (point) => {
    if (point !== `${dies} transaction`) return;
    reached += 1;
    if (reached === 2) process.kill(process.pid, "SIGKILL");
  }),
  workflows: [tickFlow],
  logger: silentLogger,
  concurrency: 4,
});
process.on("message", () => void spine.stop().then(() => process.exit()));
process.send?.("ready");
