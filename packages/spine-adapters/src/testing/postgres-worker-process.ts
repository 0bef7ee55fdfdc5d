import { newId, systemClock } from "spine-core";
import { postgres } from "../databases/postgres.ts";

// A worker in a process of its own, for tests that kill it: `node postgres-worker-process.ts <url> <worker>`. It says
// "ready", then does what it is told by messages and answers each:
// - `start`: begins a run, leaves its first step under way, and answers with its id
// - `end <id>`: records that step, and answers what became of it
// - `block <ms>`: keeps its main thread busy for so long
// - `leave`: says that it is gone

const [url = "", worker = ""] = process.argv.slice(2);
const { history, hints } = await postgres(url).connect({ clock: systemClock });
await hints.listen(() => {});
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

async function end(runId: string): Promise<string> {
  const ended = {
    name: "first",
    attempt: 1,
    output: "1",
    error: null,
    rows: null,
    metrics: {},
    retryAt: null,
    status: "COMPLETED",
  } as const;
  const transition = { ended: [ended], begun: [], attachments: [], run: { status: "COMPLETED" } } as const;
  const [result] = await history.commit([
    { kind: "advance", runId, fence: { worker, token: 1 }, transition },
  ]);
  return result?.result ?? "";
}

function block(ms: number): string {
  const until = performance.now() + ms;
  while (performance.now() < until) Math.sqrt(2);
  return "blocked";
}

async function perform(message: string): Promise<string> {
  const [command, argument = ""] = message.split(" ");
  if (command === "end") return await end(argument);
  if (command === "block") return block(Number(argument));
  if (command === "leave") {
    await history.beat(worker, "gone");
    return "left";
  }
  return await start();
}

process.on("message", (message: string) => void perform(message).then((answer) => process.send?.(answer)));
process.send?.("ready");
