import { newId, systemClock } from "spine-core";
import { sqlite } from "../databases/sqlite.ts";

// A worker in a process of its own, for tests that kill it: `node worker-process.ts <database> <worker>`. It says
// "ready", then does what it is told by messages and answers each with one.

const [path = "", worker = ""] = process.argv.slice(2);
const database = sqlite(path, { durability: "process" });
const { history } = await database.connect({ clock: systemClock });
await history.beat(worker, "alive");

/** Begins a run and leaves its first step under way. */
async function start(): Promise<string> {
  const runId = newId();
  const run = {
    runId,
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
  return runId;
}

/** Claims a few at a time until nothing is left. */
async function claimAll(): Promise<readonly string[]> {
  const ids: string[] = [];
  for (;;) {
    const { runs } = await history.claim({ worker, workflows: ["demo"], limit: 7 });
    if (runs.length === 0) return ids;
    ids.push(...runs.map(({ run }) => run.runId));
  }
}

const COMMANDS: Readonly<Record<string, () => Promise<unknown>>> = {
  start,
  "claim all": claimAll,
  leave: async () => {
    await history.beat(worker, "gone");
    return "left";
  },
};

process.on("message", (command: string) => {
  void COMMANDS[command]?.().then((answer) => process.send?.(answer));
});
process.send?.("ready");
