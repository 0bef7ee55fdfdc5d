import { setTimeout as delay } from "node:timers/promises";
import { memory } from "spine-adapters/databases";
import { createSpine, defineWorkflow } from "spine-core";
import { z } from "zod";

let broken = true;
const report = defineWorkflow({
  name: "demo.report",
  params: z.object({ week: z.number() }),
  // The longest that a run may take, and what becomes of runs under way when these steps change.
  deadline: "1h",
  whenChanged: "adopt",
})
  .step("fetch", ({ params }) => params.week * 100, {
    retry: { attempts: 5, delay: "200ms" },
    timeout: "30s",
  })
  .step("write", ({ outputs }) => {
    if (broken) throw new Error("the printer is out of paper");
    return `${outputs.fetch} rows`;
  });
const slow = defineWorkflow({ name: "demo.slow" }).step("work", async ({ checkpoint, signal }) => {
  // A part that is done once, however often the step begins.
  const part = await checkpoint("part", () => "half");
  await delay(150, undefined, { signal });
  return part;
});

await using spine = await createSpine({ database: memory(), workflows: [report, slow] });

// Retry: the same run, from the step that failed.
const failed = await spine.run(report, { week: 1 });
await failed.result().catch((error: Error) => console.log(error.message));
broken = false;
console.log((await (await spine.retry(failed.id)).result()).outputs.write);

// Rerun: a new run, linked to the first; steps before `from` keep their results.
const again = await spine.rerun(failed.id, { from: "write", params: { week: 2 } });
console.log((await again.result()).outputs.write, (await spine.get(again.id)).run.rerunOf === failed.id);

// Pause and resume: what is under way begins again, at its checkpoints.
const paused = await spine.run(slow, {});
await spine.pause(paused.id);
console.log((await spine.get(paused.id)).run.status);
await spine.resume(paused.id);
console.log((await paused.result()).outputs);

// Debounce: starts in quick succession are one run, with the parameters of the last one.
const debounce = { key: "report", wait: "50ms", longest: "1s" } as const;
await spine.run(report, { week: 3 }, { debounce });
const last = await spine.run(report, { week: 4 }, { debounce });
console.log((await last.result()).outputs.fetch);

// Many at once: only if the filter finds as many as were expected.
await spine.runMany(
  slow,
  [1, 2, 3].map(() => ({ params: {}, tags: ["old"], delay: "1h" as const })),
);
const { changed } = await spine.controlAll({ tag: "old" }, "cancel", { expect: 3 });
console.log(`${changed.length} cancelled`);
