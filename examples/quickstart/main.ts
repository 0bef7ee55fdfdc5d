import { sqlite } from "spine-adapters/databases";
import { fileSource } from "spine-adapters/sources";
import { createSpine, defineTable, defineWorkflow, recordCount, unique } from "spine-core";
import { z } from "zod";

const Price = z.object({
  symbol: z.string().min(1),
  date: z.iso.date(),
  close: z.string().regex(/^\d+\.\d+$/),
});
const prices = defineTable({
  name: "prices",
  columns: { symbol: "text", date: "date", close: "decimal" },
  key: ["symbol", "date"],
});

const ingestPrices = defineWorkflow({ name: "demo.ingest_prices", params: z.object({ path: z.string() }) })
  .fetch("fetch", {
    from: fileSource({ name: "demo.prices" }),
    request: ({ params }) => ({ path: params.path }),
  })
  .transform("transform", {
    from: "fetch",
    row: (row) => ({ symbol: String(row.symbol), date: String(row.date), close: String(row.close) }),
    schema: Price,
  })
  .quality("quality", { on: "transform", checks: [recordCount({ min: 1 }), unique(["symbol", "date"])] })
  .load("load", { from: "transform", into: prices, disposition: "append" })
  .step(
    "summary",
    ({ outputs }) => `${outputs.load.inserted} prices, ${outputs.transform.rejected} rejected`,
  );

await using spine = await createSpine({ database: sqlite("quickstart.db"), workflows: [ingestPrices] });
const path = process.argv[2] ?? "examples/quickstart/prices.csv";
// The key makes the start idempotent: run this file twice, or kill it half-way, and it is still one load.
// A run that failed keeps its key: started again it is the same failure, and `spine.retry(run.id)` goes on with it.
const run = await spine.run(ingestPrices, { path }, { key: path });
const { outputs } = await run.result();
console.log(outputs.summary);
