// Works like the command, and kills its own process with SIGKILL at an exact point: right after the event
// named by the arguments (the n-th of a step) is durable, and before anything else can happen. Without an event it
// lives on. Prints each progress as `<step> <rows in>`.
import { writeSync } from "node:fs";
import { openSpine, paramsOf, startOrAttach } from "../ingest.ts";

const [db = "", path = "", event = "", step = "", nth = "1"] = process.argv.slice(2);
const { params } = await paramsOf(path);
const spine = await openSpine(db);
let seen = 0;
const kill = (at: { readonly step: string }) => {
  if (at.step !== step) return;
  seen += 1;
  if (seen === Number(nth)) process.kill(process.pid, "SIGKILL");
};
spine.on("step.progress", (at) => writeSync(1, `${at.step} ${at.rows.in}\n`));
if (event === "step.started") spine.on("step.started", kill);
if (event === "step.ended") spine.on("step.ended", kill);
if (event === "step.progress") spine.on("step.progress", kill);
const run = await startOrAttach(spine, params);
await spine.start();
await run.result();
await spine.stop();
