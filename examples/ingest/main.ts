import { memory } from "spine-adapters/databases";
import {
  createSpine,
  defineTable,
  defineWorkflow,
  type Page,
  recordCount,
  reject,
  rejectShare,
  type Source,
  silentLogger,
  unique,
} from "spine-core";
import { z } from "zod";

/** A venue that sends its trades page by page; the cursor is the number of the page. */
const pages = [
  [
    { id: 1, symbol: "ABC", shares: "100" },
    { id: 2, symbol: "DEF", shares: "n/a" },
  ],
  [{ id: 3, symbol: "XYZ", shares: "250" }],
];
const venue: Source<string, { id: number; symbol: string; shares: string }> = {
  name: "demo.venue",
  async *stream(_day, { cursor } = {}): AsyncGenerator<Page<{ id: number; symbol: string; shares: string }>> {
    for (let page = Number(cursor ?? 0); page < pages.length; page += 1) {
      yield { rows: pages[page] ?? [], cursor: page + 1 };
    }
  },
};

const trades = defineTable({
  name: "trades",
  columns: { day: "date", id: "integer", symbol: "text", shares: "integer" },
  key: ["day", "id"],
  partition: ["day"],
});

const ingest = defineWorkflow({
  name: "demo.ingest",
  params: z.object({ day: z.iso.date() }),
  partition: ({ params }) => ({ day: params.day }),
}).ingest("trades", {
  from: venue,
  request: ({ params }) => params.day,
  row: ({ shares, ...trade }, { params }) =>
    shares === "n/a"
      ? reject("NO_SHARES", "The venue has sent no quantity.")
      : { ...trade, day: params.day, shares: Number(shares) },
  schema: z.object({ day: z.iso.date(), id: z.int(), symbol: z.string(), shares: z.int() }),
  checks: [recordCount({ min: 1 }), unique(["id"]), rejectShare({ warn: 0.1, fail: 0.5 })],
  into: trades,
  disposition: "replace-partition",
});

const spine = await createSpine({ database: memory(), workflows: [ingest], logger: silentLogger });
const run = await spine.run(ingest, { day: "2026-01-05" });
const { rows, rejected, quality, load } = (await run.result()).outputs.trades;
console.log(rows, "rows,", rejected, "refused,", load.inserted, "loaded");
for (const { check, status } of quality.results) console.log(check, status);

// The same content once more: nothing is written.
const again = await spine.run(ingest, { day: "2026-01-05" });
console.log((await again.result()).outputs.trades.load.unchanged ? "unchanged" : "loaded again");
await spine.stop();
