import { join } from "node:path";
import { sqlite } from "spine-adapters/databases";
import { fileSource } from "spine-adapters/sources";
import { createSpine, defineWorkflow } from "spine-core";

// Daily files with a trailer that counts their records, as one source in the order of their names.
const shortSales = fileSource({
  name: "demo.short_sales",
  roots: [join(import.meta.dirname, "data")],
  quote: null,
  trailer: "count",
  columns: ["Date", "Symbol", "ShortVolume", "TotalVolume"],
});

const readShortSales = defineWorkflow({ name: "demo.read_short_sales" }).fetch("fetch", {
  from: shortSales,
  request: () => ({ glob: "short-2025*.psv" }),
});

await using spine = await createSpine({ database: sqlite(":memory:"), workflows: [readShortSales] });
const run = await spine.run(readShortSales, {});
const { outputs } = await run.result();
console.log(`${outputs.fetch.rows} rows, ${outputs.fetch.rejected} rejected`);
for (const { code, message, file, line } of await spine.datasets.rejects({ runId: run.id })) {
  console.log(`${file}:${line}: ${code}: ${message}`);
}
