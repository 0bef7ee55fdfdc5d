import { memory } from "spine-adapters/databases";
import { createSpine, defineTable, defineWorkflow, type Page, type Source, silentLogger } from "spine-core";
import { z } from "zod";

/** What a venue sends: a quantity that is none, and a field that nobody has asked for. */
const venue: Source<null, { symbol: string; shares: string; desk?: string }> = {
  name: "demo.venue",
  async *stream(): AsyncGenerator<Page<{ symbol: string; shares: string; desk?: string }>> {
    const rows = [
      { symbol: "ABC", shares: "100", desk: "7" },
      { symbol: "DEF", shares: "n/a" },
      { symbol: "TEST", shares: "n/a" },
    ];
    yield { rows, lines: [2, 3, 4], cursor: null };
  },
};

const table = defineTable({
  name: "trades",
  columns: { symbol: "text", shares: "integer" },
  key: ["symbol"],
});

const ingest = defineWorkflow({ name: "demo.ingest_trades" })
  .fetch("fetch", { from: venue, request: () => null })
  .transform("clean", {
    from: "fetch",
    row: ({ shares, ...trade }) => ({ ...trade, shares: Number(shares) }),
    schema: z.object({ symbol: z.string(), shares: z.int() }),
    contract: { columns: "discard-value", values: "discard-row" },
  })
  .load("load", { from: "clean", into: table, disposition: "append" });

const spine = await createSpine({ database: memory(), workflows: [ingest], logger: silentLogger });
const run = await spine.run(ingest, {});
const { outputs } = await run.result();
const { run: record } = await spine.get(run.id);
console.log(outputs.load.inserted, "loaded,", record.metrics.discarded_values, "value left out");

const refused = { runId: run.id, step: "clean" };
for (const { index, code, line, raw } of await spine.rejects.list({ ...refused, state: "OPEN" })) {
  console.log(index, code, "line", line, JSON.stringify(raw));
}

// One is of no use: it is marked, not deleted. The other gets the quantity that the venue has told on the phone.
await spine.rejects.discard({ ...refused, indexes: [1] }, { reason: "a row of a test", by: "ann" });
const again = await spine.rejects.redrive(run.id, {
  step: "clean",
  edits: { 0: { symbol: "DEF", shares: "250" } },
});
await again.result();
console.log((await spine.get(again.id)).run.rerunOf === run.id ? "driven again" : "another run");

for (const { index, state } of await spine.rejects.list(refused)) console.log(index, state);
console.log(await spine.database.kysely.selectFrom("trades").select(["symbol", "shares"]).execute());
await spine.stop();
