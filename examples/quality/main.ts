import { memory } from "spine-adapters/databases";
import {
  changeVsPrior,
  createSpine,
  defineWorkflow,
  distinctCount,
  freshness,
  notNull,
  range,
  recordCount,
  relationship,
  type Source,
  schema,
  silentLogger,
  sql,
  sumTo,
  unique,
} from "spine-core";
import { z } from "zod";

interface Trade {
  readonly venue: string;
  readonly symbol: string;
  readonly shares: string;
  readonly share: string;
  readonly day: string;
}
/** Delivers what it is asked for; in life it is a file or a service. */
const given: Source<{ readonly rows: readonly object[] }, Trade> = {
  name: "given",
  async *stream({ rows }) {
    yield { rows: rows as readonly Trade[], cursor: null };
  },
};
const Row = z.object({
  venue: z.string(),
  symbol: z.string(),
  shares: z.string(),
  share: z.string(),
  day: z.string(),
});

const trades = defineWorkflow({
  name: "demo.trades",
  domain: "demo",
  params: z.object({ rows: z.array(Row), symbols: z.array(z.string()) }),
})
  .fetch("symbols", {
    from: given,
    request: ({ params }) => ({ rows: params.symbols.map((symbol) => ({ symbol })) }),
  })
  .fetch("trades", { from: given, request: ({ params }) => ({ rows: params.rows }) })
  .quality("quality", {
    on: "trades",
    checks: [
      recordCount({ min: 1, warn: { min: 2 } }),
      schema(
        { venue: "text", symbol: "text", shares: "decimal", share: "decimal", day: "date" },
        { exact: true },
      ),
      notNull(["symbol", "shares"]),
      unique(["venue", "symbol"]),
      range("shares", { min: 0 }, { maxFailures: { warn: 0, fail: 10 } }),
      sumTo("share", 1, "0.01"),
      freshness("day", { maxAge: "36500d", warnAge: "30d" }, { blocking: false }),
      distinctCount(["symbol"], { min: 1 }),
      // Each symbol is one that the other step has read. A table: { in: "symbols" }, or what `defineTable` made.
      relationship(["symbol"], { in: { step: "symbols" } }),
      // No more than half as many rows, or half as many again, as in the run before.
      changeVsPrior("rows", { warn: 0.1, fail: 0.5 }),
      // What the query selects fails.
      sql("no venue with all shares", (db, table) =>
        db.selectFrom(table).select("venue").where("share", "=", "1"),
      ),
    ],
  });

await using spine = await createSpine({ database: memory(), workflows: [trades], logger: silentLogger });
const trade = (symbol: string, shares: string, share: string): Trade => ({
  venue: "X",
  symbol,
  shares,
  share,
  day: "2025-11-14",
});

const good = [trade("A", "10", "0.25"), trade("B", "30", "0.75")];
const first = await spine.run(trades, { rows: good, symbols: ["A", "B"] });
const { outputs } = await first.result();
for (const { check, status } of outputs.quality.results) console.log(status, check);

// The next delivery lacks half of its rows, and has a symbol that nobody knows.
const second = await spine.run(trades, { rows: [trade("Z", "10", "1")], symbols: ["A", "B"] });
await second.result().catch((error: Error) => console.log(error.name)); // QualityError
for (const { severity, labels, message } of await spine.alerts.list({ runId: second.id })) {
  console.log(severity, labels.check, "·", message);
}
const points = await spine.quality.trend({ workflow: "demo.trades", check: "recordCount" });
console.log(points.map(({ status, actual }) => `${status} ${actual}`)); // newest first
const results = await spine.quality.results(second.id);
console.log(results.find(({ check }) => check === "relationship(symbol)")?.samples);
