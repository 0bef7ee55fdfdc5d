import { DatabaseSync } from "node:sqlite";
import { sqlite } from "spine-adapters/databases";
import { createSpine, defineWorkflow } from "spine-core";
import { z } from "zod";

const file = process.argv[2] ?? "orders.db";
const invoice = defineWorkflow({
  name: "demo.invoice",
  params: z.object({ order: z.number() }),
})
  .step("number", ({ params }) => `2026-${params.order}`)
  .step("send", ({ outputs }) => `sent ${outputs.number}`);

await using spine = await createSpine({ database: sqlite(file), workflows: [invoice] });

// One run, and its result wherever it is at work. The same key finds the same run.
const run = await spine.run(invoice, { order: 1 }, { key: "order-1" });
const { outputs } = await run.result();
console.log(outputs.send);

// Many at once: queued, and begun wherever there is room.
const orders = [2, 3, 4];
const runs = await spine.runMany(
  invoice,
  orders.map((order) => ({ params: { order }, key: `order-${order}` })),
);
await Promise.all(runs.map((each) => each.result()));
console.log(`${runs.length} more`);

// Together with what the host writes: the run exists once the host commits, and not at all if it rolls back.
const host = new DatabaseSync(file);
host.exec("CREATE TABLE IF NOT EXISTS orders (id INTEGER PRIMARY KEY)");
host.exec("BEGIN IMMEDIATE");
host.exec("INSERT INTO orders (id) VALUES (5) ON CONFLICT DO NOTHING");
const pending = await spine.run(invoice, { order: 5 }, { transaction: host, key: "order-5" });
host.exec("COMMIT");
host.close();

// Each change of a run, until it has ended.
for await (const { run: now, steps } of pending.watch()) {
  const ended = steps.filter(({ status }) => status === "COMPLETED");
  if (now.status === "COMPLETED") console.log(`order 5: ${ended.length} steps`);
}
