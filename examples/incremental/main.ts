import { memory } from "spine-adapters/databases";
import { databaseSource } from "spine-adapters/sources";
import { createSpine, defineTable, defineWorkflow } from "spine-core";
import { z } from "zod";

// The shop's database. In life it is another one: `postgres(process.env.SHOP_URL)`, or `sqlite("shop.db")`.
const shopDatabase = memory();
const shop = databaseSource({ name: "shop", database: shopDatabase, pageRows: 1_000 });
const orders = defineTable({
  name: "orders",
  columns: { id: "integer", total: "decimal", updated_at: "timestamp" },
  key: ["id", "updated_at"],
});
const Order = z.object({ id: z.number(), total: z.string(), updated_at: z.string() });

const ingestOrders = defineWorkflow({ name: "shop.orders" })
  .fetch("fetch", {
    from: shop,
    incremental: { field: "updated_at", lag: "5m", key: ["id"] },
    request: ({ since }) => ({
      table: "orders",
      key: ["updated_at", "id"],
      where: { updated_at: { gte: since } },
    }),
  })
  .transform("orders", { from: "fetch", row: (row) => Order.parse(row), schema: Order })
  .load("load", { from: "orders", into: orders, disposition: "append" });

await shopDatabase.kysely.schema
  .createTable("orders")
  .addColumn("id", "integer", (column) => column.primaryKey())
  .addColumn("total", "text")
  .addColumn("updated_at", "text")
  .execute();
const sell = (id: number, updated_at: string) =>
  shopDatabase.kysely.insertInto("orders").values({ id, total: "9.99", updated_at }).execute();

await using spine = await createSpine({ database: memory(), workflows: [ingestOrders] });
const ingest = async () => {
  const run = await spine.run(ingestOrders, {});
  const { outputs } = await run.result();
  const { duplicates = 0 } = outputs.fetch.incremental ?? {};
  console.log(`${outputs.load.inserted} new, ${duplicates} known already`);
  return outputs;
};

await sell(1, "2025-06-01T10:00:00Z");
await sell(2, "2025-06-01T10:04:00Z");
await ingest(); // 2 new, 0 known already
await sell(3, "2025-06-01T10:01:00Z"); // came late
await sell(4, "2025-06-01T10:06:00Z");
const { fetch } = await ingest(); // 2 new, 2 known already

// What a fetch has read is there for as long as retention keeps it: in batches, and in SQL.
for await (const rows of spine.read(fetch)) console.log(rows.map(({ id }) => id)); // [3, 4]
const latest = await spine.withRows({ fetched: { dataset: fetch } }, (db) =>
  db
    .selectFrom("fetched")
    .select((e) => e.fn.max("updated_at").as("at"))
    .executeTakeFirst(),
);
console.log(latest); // { at: "2025-06-01T10:06:00Z" }

// An operator sets the mark back; the next run reads from there again.
await spine.cursors.reset({ workflow: "shop.orders", step: "fetch" }, { to: "2025-06-01T10:06:00Z" });
await shopDatabase.close();
