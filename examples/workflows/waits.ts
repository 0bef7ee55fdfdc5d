import { memory } from "spine-adapters/databases";
import { createSpine, defineWorkflow } from "spine-core";
import { z } from "zod";

// A workflow of its own, that others start as a child.
const convert = defineWorkflow({ name: "demo.convert", params: z.object({ file: z.string() }) }).step(
  "rows",
  ({ params }) => params.file.length,
);

const delivery = defineWorkflow({ name: "demo.delivery" })
  // For so long, or until then (`until`). The run takes no memory meanwhile.
  .wait("settle", { for: "100ms" })
  // Until a signal has come, even if it came before; its payload is the output.
  .wait("file", { signal: "file", schema: z.object({ name: z.string() }) })
  // A child, and a child for each item. They are cancelled with this run.
  .pipeline("first", { run: convert, params: ({ outputs }) => ({ file: outputs.file.name }) })
  .map("all", {
    over: () => ["a.csv", "bb.csv"],
    pipeline: convert,
    params: ({ item }) => ({ file: item }),
  })
  // Until somebody says yes. A no fails the step (APPROVAL_REJECTED), and so does the end of the timeout (WAIT_TIMEOUT).
  .wait("review", { approval: true, timeout: "2d" })
  .step(
    "done",
    ({ outputs }) => `${outputs.all.map(({ rows }) => rows).join("+")}, said ${outputs.review.by}`,
  );

await using spine = await createSpine({ database: memory(), workflows: [delivery, convert] });

const run = await spine.run(delivery, {});
// Sent before the step begins to wait: kept until it does. With an `id`, sending it again changes nothing.
await spine.signal(run.id, "file", { name: "week.csv" }, { id: "upload-17" });

let asked = false;
for await (const { steps } of run.watch()) {
  const review = steps.find(({ name }) => name === "review");
  if (review?.status !== "WAITING" || asked) continue;
  asked = true;
  console.log(`waits for ${review.waitingFor}`);
  await spine.approve(run.id, "review", { by: "Ada", comment: "looks right" });
}
console.log((await run.result()).outputs.done);
