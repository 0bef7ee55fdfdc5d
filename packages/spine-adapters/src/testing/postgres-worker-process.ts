import { newId, systemClock } from "spine-core";
import { postgres } from "../databases/postgres.ts";

// A worker in a process of its own, for tests that kill it: `node postgres-worker-process.ts <url> <worker>`. It says
// "ready", then begins a run at each message, leaves its first step under way, and answers with its id.

const [url = "", worker = ""] = process.argv.slice(2);
const { history } = await postgres(url).connect({ clock: systemClock });
await history.beat(worker, "alive");

async function start(): Promise<string> {
  const run = {
    runId: newId(),
    workflow: "demo",
    domain: null,
    partition: null,
    key: null,
    fingerprint: "f",
    params: "{}",
    paramsHash: "h",
    triggeredBy: "test",
    parentRunId: null,
    worker,
    availableAt: 0,
  };
  await history.commit([{ kind: "create", run, begun: [{ name: "first", kind: "lambda", attempt: 1 }] }]);
  return run.runId;
}

process.on("message", () => void start().then((runId) => process.send?.(runId)));
process.send?.("ready");
