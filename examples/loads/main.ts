import { memory } from "spine-adapters/databases";
import { createSpine, defineTable, defineWorkflow, type Page, type Source, silentLogger } from "spine-core";
import { z } from "zod";

interface Price {
  readonly day: string;
  readonly symbol: string;
  readonly price: string;
}

/** A vendor that sends the whole day again when one price was wrong. */
const vendor: Source<readonly Price[], Price> = {
  name: "demo.vendor",
  async *stream(rows): AsyncGenerator<Page<Price>> {
    yield { rows, cursor: null };
  },
};

const prices = defineTable({
  name: "prices",
  columns: { day: "date", symbol: "text", price: "decimal" },
  key: ["day", "symbol"],
  partition: ["day"],
  captures: "prices_captures",
});

const restate = defineWorkflow({
  name: "demo.restate_prices",
  params: z.object({ day: z.string(), rows: z.array(z.object({ symbol: z.string(), price: z.string() })) }),
  partition: ({ params }) => ({ day: params.day }),
})
  .step("day", ({ params: { day, rows } }) => rows.map((row) => ({ day, ...row })))
  .fetch("fetch", { from: vendor, request: ({ outputs }) => outputs.day })
  .load("load", {
    from: "fetch",
    into: prices,
    disposition: "scd2",
    partition: ({ params }) => ({ day: params.day }),
  });

const spine = await createSpine({ database: memory(), workflows: [restate], logger: silentLogger });
const day = "2026-01-05";
const sent = [
  [
    { symbol: "ABC", price: "10.5" },
    { symbol: "DEF", price: "7" },
  ],
  [
    { symbol: "ABC", price: "10.5" },
    { symbol: "DEF", price: "7.25" },
  ],
];
for (const rows of sent) {
  const { outputs } = await (await spine.run(restate, { day, rows })).result();
  const { inserted, superseded, kept } = outputs.load;
  console.log(inserted, "inserted,", superseded, "superseded,", kept, "kept");
}

const { kysely } = spine.database;
console.log(await kysely.selectFrom("prices").select(["symbol", "price"]).orderBy("symbol").execute());
console.log(await kysely.selectFrom("prices_captures").select(["symbol", "price"]).execute());
await spine.stop();
