import { sqlite } from "spine-adapters/databases";
import { httpSource } from "spine-adapters/sources";
import { createSpine, defineTable, defineWorkflow, recordCount, unique } from "spine-core";
import { z } from "zod";

const [baseUrl = "https://api.example.com/v1"] = process.argv.slice(2);

const trades = httpSource({
  name: "demo.trades",
  baseUrl,
  // The name of an environment variable, or a function that gets the secret: never its text.
  auth: { kind: "bearer", token: "env:DEMO_TOKEN" },
  // So many rows from a row on, in the body of a POST; every answer says how many there are in all.
  paginate: { kind: "offset", limit: 500, in: "body", total: { header: "Record-Total" } },
  key: "id",
  // Twenty requests a second, whoever sends them: all processes on the database count together.
  rate: { limit: 20, perMs: 1_000 },
  // A host of one's own network has to be named; one of the internet does not.
  allowHosts: ["127.0.0.1"],
});

const Trade = z.object({ id: z.string(), week: z.iso.date(), shares: z.string() });
const table = defineTable({
  name: "trades",
  columns: { id: "text", week: "date", shares: "decimal" },
  key: ["id"],
});

const ingest = defineWorkflow({ name: "demo.ingest_trades", params: z.object({ week: z.iso.date() }) })
  .fetch("fetch", {
    from: trades,
    request: ({ params }) => ({ url: "/trades", body: { week: params.week } }),
    // A server that is away is asked again for half an hour; what it asks for by Retry-After is waited for.
    retry: { attempts: 10, delay: "5s", maxDelay: "10m" },
  })
  .transform("transform", {
    from: "fetch",
    row: (row) => ({ id: String(row.id), week: String(row.week), shares: String(row.shares) }),
    schema: Trade,
  })
  .quality("quality", { on: "transform", checks: [recordCount({ min: 1 }), unique(["id"])] })
  .load("load", { from: "transform", into: table, disposition: "append" });

await using spine = await createSpine({ database: sqlite("trades.db"), workflows: [ingest] });
const run = await spine.run(ingest, { week: "2026-01-05" }, { key: "trades 2026-01-05" });
const { outputs } = await run.result();
console.log(`${outputs.load.inserted} trades`);
