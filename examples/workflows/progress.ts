import { setTimeout as delay } from "node:timers/promises";
import { memory } from "spine-adapters/databases";
import { createSpine, defineWorkflow } from "spine-core";

const files = ["a.csv", "b.csv", "c.csv"];
const copy = defineWorkflow({ name: "demo.copy" }).step(
  "copy",
  async ({ attempt, progress, signal }) => {
    for (const [done, file] of files.entries()) {
      progress({ done, total: files.length, unit: "files", message: file });
      // The first time, the other side stops answering.
      const hangs = attempt === 1 && file === "c.csv";
      await delay(hangs ? 60_000 : 20, undefined, { signal });
    }
    return files.length;
  },
  // However long it takes in all: nothing may be heard of it for so long, or the attempt fails and is tried again.
  { heartbeatTimeout: "2s", retry: { attempts: 2, delay: "10ms" } },
);

await using spine = await createSpine({ database: memory(), workflows: [copy] });

// In this process, as it happens.
spine.on("step.progress", ({ attempt, message }) => console.log(`attempt ${attempt}: ${message}`));

const run = await spine.run(copy, {});
// From any process, within about a second, and while the attempt goes on.
for await (const { steps } of run.watch()) {
  const { progress } = steps.at(-1) ?? {};
  if (progress) console.log(`${progress.done} of ${progress.total} ${progress.unit}`);
}
const { steps } = await spine.get(run.id);
console.log(steps.map(({ status, error }) => `${status} ${error?.code ?? ""}`.trim()));
