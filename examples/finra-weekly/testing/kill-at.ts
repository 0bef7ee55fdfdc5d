// Works like the command, and kills its own process with SIGKILL at an exact point: right after the event
// named by the arguments (the n-th of a step) is durable, and before anything else can happen. Without an event it
// lives on. The week is that of a file, or the sample of tier T1 where its path is the URL of a server. Prints each progress
// as `<step> <rows in>`.
import { writeSync } from "node:fs";
import { openSpine, startOrAttach, type Wanted, weekOfFile } from "../ingest.ts";
import { sampleWeeks } from "../sample.ts";

const [db = "", path = "", event = "", step = "", nth = "1"] = process.argv.slice(2);
const url = path.startsWith("http:") ? path : null;
const { params } = url === null ? await weekOfFile(path) : (sampleWeeks()[0] as Wanted);
const spine = await openSpine(db, url === null ? null : { url });
let seen = 0;
const kill = (at: { readonly step: string }) => {
  if (at.step !== step) return;
  seen += 1;
  if (seen === Number(nth)) process.kill(process.pid, "SIGKILL");
};
spine.on("step.progress", (at) => writeSync(1, `${at.step} ${at.rows?.in}\n`));
if (event === "step.started") spine.on("step.started", kill);
if (event === "step.ended") spine.on("step.ended", kill);
if (event === "step.progress") spine.on("step.progress", kill);
const run = await startOrAttach(spine, params);
await spine.start();
await run.result();
await spine.stop();
