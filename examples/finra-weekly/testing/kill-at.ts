// Works like the command, and kills its own process with SIGKILL at an exact point: right after the event
// named by the arguments is durable, and before anything else can happen.
import { openSpine, paramsOf, startOrAttach } from "../ingest.ts";

const [db = "", path = "", event = "", step = ""] = process.argv.slice(2);
const { params } = await paramsOf(path);
const spine = await openSpine(db, [path]);
const kill = (at: { readonly step: string }) => {
  if (at.step === step) process.kill(process.pid, "SIGKILL");
};
if (event === "step.started") spine.on("step.started", kill);
if (event === "step.ended") spine.on("step.ended", kill);
if (event === "step.progress") spine.on("step.progress", kill);
const run = await startOrAttach(spine, params);
await spine.start();
await run.result();
await spine.stop();
