// A run fails here. `before`: the process is dead before anybody is told. Otherwise it tells by a webhook, which may never answer.
import { createSpine, silentLogger } from "spine-core";
import { webhook } from "../alerts/index.ts";
import { failingFlow } from "./alert-flow.ts";
import { type Address, databaseAt } from "./places.ts";

const [dies = "", url = "", ...address] = process.argv.slice(2);
const workflow = failingFlow("demo.killed");
const spine = await createSpine({
  database: databaseAt(address as unknown as Address),
  workflows: [workflow],
  logger: silentLogger,
  alerts: {
    channels: [webhook({ url, secret: "a-secret-of-the-webhook", allowPrivate: true })],
    groupWait: 0,
  },
});
spine.on("run.changed", ({ status }) => {
  if (dies === "before" && status === "FAILED") process.kill(process.pid, "SIGKILL");
});
await (await spine.run(workflow, {})).result().catch(() => {});
