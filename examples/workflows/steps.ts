import { memory } from "spine-adapters/databases";
import { createSpine, defineWorkflow } from "spine-core";
import { z } from "zod";

const orders = defineWorkflow({ name: "demo.orders", params: z.object({ day: z.string() }) })
  // One step after another; what a step returns is stored as JSON and is there for those behind it.
  .step("list", ({ params }) => [
    { id: "o-1", day: params.day, items: 3 },
    { id: "o-2", day: params.day, items: 40 },
  ])
  // At the same time. A branch is a function, or several steps, whose output is that of the last one.
  .parallel("facts", (block) => ({
    largest: ({ outputs }) => Math.max(...outputs.list.map(({ items }) => items)),
    total: block
      .step("sum", ({ outputs }) => outputs.list.reduce((sum, { items }) => sum + items, 0))
      .step("text", ({ outputs }) => `${outputs.sum} items`),
  }))
  // The same for each item, two at a time. `key` is what an item is recognised by after a crash.
  .map("labels", {
    over: ({ outputs }) => outputs.list,
    key: ({ id }) => id,
    concurrency: 2,
    run: ({ item, index }) => `${index + 1}: ${item.id}`,
  })
  // One of several ways.
  .choice("shipping", ({ outputs }) => (outputs.facts.largest > 20 ? "pallet" : "parcel"), {
    pallet: () => "by truck",
    parcel: () => "by mail",
  })
  // Only if: skipped otherwise, and its output is undefined then.
  .when(
    "apology",
    ({ outputs }) => outputs.list.length > 100,
    (block) => block.step("write", () => "sorry for the wait"),
  )
  // A failure that does not end the run, and a step that takes back what it did when the run fails later.
  .step("weather", () => Promise.reject(new Error("no forecast")), { onError: "continue" })
  .step("reserve", () => ({ truck: 7 }), {
    undo: ({ output }) => console.log(`truck ${output.truck} is free again`),
  })
  .step("leave", ({ outputs, params }) => {
    if (params.day === "sunday") throw new Error("nobody drives on Sundays");
    return `${outputs.facts.total}, ${outputs.shipping}, forecast: ${outputs.weather ?? "none"}`;
  });

await using spine = await createSpine({ database: memory(), workflows: [orders] });

const monday = await spine.run(orders, { day: "monday" });
const { outputs } = await monday.result();
console.log(outputs.labels.join(", "));
console.log(outputs.leave);

const sunday = await spine.run(orders, { day: "sunday" });
await sunday.result().catch((error: Error) => console.log(error.message));

// What is inside of a step has a path as its name.
const { steps } = await spine.get(monday.id);
console.log(steps.map(({ name, status }) => `${name} ${status}`).slice(0, 6));
