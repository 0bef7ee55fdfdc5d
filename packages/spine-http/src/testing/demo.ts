import { memory, postgres } from "spine-adapters/databases";
import { createTestDatabase } from "spine-adapters/testing";
import {
  createSpine,
  type Database,
  definePartitions,
  defineTable,
  defineWorkflow,
  recordCount,
  reject,
  type Spine,
  type SpineOptions,
  secret,
  silentLogger,
  weekly,
} from "spine-core";
import { arraySource } from "spine-core/testing";
import { z } from "zod";

const hello = defineWorkflow({
  name: "demo.hello",
  domain: "demo",
  description: "Says hello.",
  params: z.object({ name: z.string().min(1), times: z.int().max(10).default(1) }),
}).step("greet", ({ params, metric, logger }) => {
  metric("greetings", params.times);
  logger.info("Greeted.", { name: params.name });
  return { text: `Hello ${params.name}`.repeat(params.times) };
});

/** Waits for a signal, and for an approval. */
const gated = defineWorkflow({
  name: "demo.gated",
  domain: "demo",
  params: z.object({ note: z.string().optional() }),
})
  .step("before", () => 1)
  .wait("go", { signal: "go" })
  .wait("review", { approval: true })
  .step("after", () => 2);

const broken = defineWorkflow({ name: "demo.broken", domain: "demo" })
  .step("fine", () => 1)
  .step("broken", () => {
    throw new Error("the disk said no");
  })
  .step("never", () => 3);

const trades = defineTable({
  name: "http_trades",
  columns: { week_start: "date", symbol: "text", shares: "decimal" },
  key: ["week_start", "symbol"],
  partition: ["week_start"],
});

/** Reads rows, refuses one of three, checks the others, and loads them. */
const rows = defineWorkflow({
  name: "demo.rows",
  domain: "demo",
  params: z.object({ week: z.iso.date() }),
  partition: ({ params }) => ({ week_start: params.week }),
})
  .fetch("fetch", {
    from: arraySource([
      { n: 1, symbol: "AAA", shares: "120000.5" },
      { n: 2, symbol: "BBB", shares: "7" },
      { n: 3, symbol: "", shares: "1" },
    ]),
    request: () => null,
    incremental: { field: "n", start: 0, key: ["n"] },
  })
  .transform("clean", {
    from: "fetch",
    row: (row, { params }) =>
      row.symbol === "" ? reject("NO_SYMBOL", "The row has no symbol.") : { week_start: params.week, ...row },
    schema: z.object({ week_start: z.string(), symbol: z.string(), shares: z.string() }),
  })
  .quality("quality", { on: "clean", checks: [recordCount({ min: 3 }, { blocking: false })] })
  .load("load", { from: "clean", into: trades, disposition: "replace-partition" });

/** Steps inside of others. */
const nested = defineWorkflow({ name: "demo.nested", domain: "demo" })
  .parallel("both", (block) => ({
    left: () => "left",
    right: block.step("one", () => 1).step("two", () => 2),
  }))
  .map("venues", { over: () => ["XNYS", "a/b"], key: (venue) => venue, run: ({ item }) => item.length })
  .pipeline("child", { run: hello, params: () => ({ name: "child" }) })
  .step("end", () => "end");

/** Has a secret, and does with it what it should not. */
const leaky = defineWorkflow({
  name: "demo.leaky",
  domain: "demo",
  params: z.object({ key: secret(), fails: z.boolean().default(false) }),
}).step("leak", ({ params, logger, metric, progress }) => {
  logger.warn(`The key is ${params.key}.`, { key: params.key });
  metric("key", params.key);
  progress({ message: params.key });
  if (params.fails) throw new Error(`The key ${params.key} was refused.`);
  return { key: params.key, nested: [{ deep: `Bearer ${params.key}` }] };
});

const WORKFLOWS = [hello, gated, broken, rows, nested, leaky];

export const weeks = definePartitions({
  table: trades,
  workflow: rows,
  dimensions: { week_start: weekly({ from: "2025-01-06" }) },
});

export async function demoSpine(database: Database, options: Partial<SpineOptions> = {}): Promise<Spine> {
  return await createSpine({ database, workflows: WORKFLOWS, logger: silentLogger, ...options });
}

/** For `describe.each`. */
export const DATABASES: readonly (readonly [name: string, open: () => Promise<Database>])[] = [
  ["SQLite", async () => memory()],
  ["Postgres", async () => postgres(await createTestDatabase())],
];
