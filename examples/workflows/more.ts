import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sqlite } from "spine-adapters/databases";
import { createSpine, defineWorkflow, type WorkflowData } from "spine-core";
import { z } from "zod";

// Several steps for each item; with `collect`, one that fails does not end the others.
const venues = defineWorkflow({ name: "demo.venues" })
  .map("volumes", {
    over: () => ["XNYS", "XNAS"],
    key: (venue) => venue,
    steps: (each) =>
      each
        .step("volume", ({ item }) => item.length)
        .step("text", ({ outputs }) => `${outputs.volume} letters`),
  })
  .map("prices", {
    over: () => ["XNYS", "XNAS"],
    collect: true,
    run: ({ item }) => {
      if (item === "XNAS") throw new Error("closed");
      return 101.5;
    },
  })
  .step("say", ({ outputs }) => [
    ...outputs.volumes,
    ...outputs.prices.map((one) => (one.status === "COMPLETED" ? one.output : one.error.message)),
  ]);

// A signal that does not come in time, a time that is waited for, numbers that stay what they were.
const patient = defineWorkflow({ name: "demo.patient", params: z.object({ until: z.string() }) })
  .wait("until", { until: ({ params }) => params.until })
  .step("draw", async ({ now, random }) => [(await now()) > 0, (await random()) < 1])
  .wait("news", { signal: "news", timeout: "20ms" });

const asks = defineWorkflow({ name: "demo.asks", queue: "asks" }).wait("release", { approval: true });

const directory = mkdtempSync(join(tmpdir(), "spine-more-"));
const open = (workflow: WorkflowData) =>
  createSpine({
    database: sqlite(join(directory, "spine.db")),
    workflows: [venues, patient, asks, workflow],
  });

// What becomes of a run under way when its steps change: `strict` fails it and says what changed, `pin` leaves it to those who know
// its version.
const counted = defineWorkflow({ name: "demo.counted", whenChanged: "strict" })
  .step("one", () => 1)
  .wait("pause", { signal: "go" });
const changed = defineWorkflow({ name: "demo.counted", whenChanged: "strict" })
  .step("uno", () => 1)
  .wait("pause", { signal: "go" });

let spine = await open(counted);
console.log((await (await spine.run(venues, {})).result()).outputs.say);

const wait = await spine.run(patient, { until: new Date().toISOString() });
await wait.result().catch((error: { code?: string }) => console.log("news:", error.code));

// The urgent one is claimed first; it is refused, and the other one is cancelled.
const calm = await spine.run(asks, {}, { priority: 0 });
const urgent = await spine.run(asks, {}, { priority: 10 });
await spine.reject(urgent.id, "release", { by: "ann", comment: "not today" });
await urgent.result().catch((error: { code?: string }) => console.log("release:", error.code));
await spine.cancel(calm.id);
await calm.result().catch((error: { code?: string }) => console.log("the other one:", error.code));

const under = await spine.run(counted, {});
while ((await spine.get(under.id)).run.status !== "WAITING")
  await new Promise((next) => setTimeout(next, 10));
await spine.stop();
spine = await open(changed);
await spine.signal(under.id, "go");
const ended = await spine.attach(under.id);
await ended.result().catch((error: { code?: string }) => console.log("other steps:", error.code));
await spine.stop();
