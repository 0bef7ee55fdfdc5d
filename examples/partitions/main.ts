import { memory } from "spine-adapters/databases";
import {
  createSpine,
  definePartitions,
  defineTable,
  defineWorkflow,
  type Page,
  type Source,
  silentLogger,
  weekly,
} from "spine-core";
import { z } from "zod";

interface Trade {
  readonly symbol: string;
  readonly shares: string;
}

/** A vendor with a file for each week and tier. */
const vendor: Source<{ readonly week: string; readonly tier: string }, Trade> = {
  name: "demo.vendor",
  describe: ({ week, tier }) => `${week}/${tier}.csv`,
  async *stream({ week, tier }): AsyncGenerator<Page<Trade>> {
    if (week === "2025-01-20" && tier === "OTCE") throw new Error("the vendor has no such file");
    yield { rows: [{ symbol: "ABC", shares: "100" }], cursor: null };
  },
};

const trades = defineTable({
  name: "weekly_trades",
  columns: { week_start: "date", tier: "text", symbol: "text", shares: "decimal" },
  key: ["week_start", "tier", "symbol"],
  partition: ["week_start", "tier"],
});
const published = { domain: "demo.trades", stages: ["LOADED", "PUBLISHED"] };

const ingest = defineWorkflow({
  name: "demo.ingest",
  params: z.object({ week: z.string(), tier: z.string() }),
  partition: ({ params: { week, tier } }) => ({ week_start: week, tier }),
})
  .fetch("fetch", { from: vendor, request: ({ params }) => params })
  .transform("clean", {
    from: "fetch",
    row: (row, { params: { week, tier } }) => ({ week_start: week, tier, ...row }),
    schema: z.object({
      week_start: z.string(),
      tier: z.string(),
      symbol: z.string(),
      shares: z.string(),
    }),
  })
  .load("load", { from: "clean", into: trades, disposition: "replace-partition" })
  .step("publish", ({ advance, outputs }) =>
    advance(published, "PUBLISHED", { rows: outputs.load.inserted }),
  );

const weeks = definePartitions({
  table: trades,
  workflow: ingest,
  dimensions: {
    week_start: weekly({ starts: "monday", from: "2025-01-06", to: "2025-01-20" }),
    tier: ["T1", "OTCE"],
  },
  delay: "14d",
});

const spine = await createSpine({ database: memory(), workflows: [ingest], logger: silentLogger });

const before = await spine.partitions.doctor(weeks);
console.log(before.expected, "expected,", before.missing.length, "missing");

const run = await spine.backfill(ingest, {
  partitions: weeks,
  select: "missing",
  params: ({ week_start = "", tier = "" }) => ({ week: week_start, tier }),
});
const { report } = (await run.result()).outputs;
console.log(report.loaded, "loaded,", report.failed, "failed");

const { cells } = await spine.partitions.window(weeks, { from: "2025-01-20", limit: 60 });
for (const { key, state, rows } of cells) console.log(key, state, rows);

const [first] = cells;
const { run: wrote, upstream } = await spine.lineage.load(first?.loadId ?? "");
console.log("written by", wrote?.workflow, "from", upstream.at(-1)?.locator);
const { partitions } = await spine.lineage.affectedBy({ file: "2025-01-06/T1.csv" });
console.log("to be loaded again if that file changes:", partitions);

const manifest = spine.manifest(published.domain, published.stages);
console.log(await manifest.latestStage({ week_start: "2025-01-06", tier: "T1" }));
await spine.stop();
