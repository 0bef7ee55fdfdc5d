import { memory } from "spine-adapters/databases";
import { createSpine, defineWorkflow } from "spine-core";
import { z } from "zod";

const finished: string[] = [];
const report = defineWorkflow({
  name: "demo.report",
  params: z.object({ customer: z.string(), title: z.string() }),
  queue: "reports",
}).step("write", ({ params }) => {
  finished.push(params.title);
});

await using spine = await createSpine({ database: memory(), workflows: [report] });
// Kept in the database, and valid for all processes on it: call it once, or at each start.
await spine.queues.set("reports", {
  concurrency: 4, // at work at a time, in all processes together
  workerConcurrency: 2, // in each of them
  keyConcurrency: 1, // with the same concurrencyKey
  rateLimit: { runs: 100, periodMs: 60_000 }, // may begin within any minute
});

await spine.queues.pause("reports");
const start = (customer: string, title: string, priority = 0) =>
  spine.run(report, { customer, title }, { concurrencyKey: customer, priority });
const runs = [
  await start("acme", "last of all", -10),
  await start("acme", "second"),
  await start("bolt", "first", 10),
  await spine.run(report, { customer: "bolt", title: "later" }, { delay: "200ms", concurrencyKey: "bolt" }),
];
const state = await spine.queues.get("reports");
console.log(`${state?.waiting} wait, ${state?.running} at work`);

await spine.queues.resume("reports");
await Promise.all(runs.map((run) => run.result()));
console.log(`${finished.length} reports, ${finished[0]} was the first`);
