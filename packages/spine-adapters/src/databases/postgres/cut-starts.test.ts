import { createSpine, defineTable, defineWorkflow, silentLogger } from "spine-core";
import { arraySource } from "spine-core/testing";
import { beforeAll, expect, test } from "vitest";
import { cuttingProxy } from "../../testing/cutting-proxy.ts";
import { createTestDatabase } from "../../testing/index.ts";
import { postgres } from "../postgres.ts";

const table = defineTable({ name: "trades", columns: { symbol: "text" }, key: ["symbol"] });
const flow = defineWorkflow({ name: "demo.cut" })
  .fetch("fetch", { from: arraySource([{ symbol: "A" }]), request: () => ({}) })
  .load("load", { from: "fetch", into: table, disposition: "append" });

let url = "";
beforeAll(async () => {
  url = await createTestDatabase();
});

test.each([
  ["the first look", "pg_backend_pid"],
  ["its migrations", "pg_advisory_xact_lock"],
  ["a target's table", "CREATE TABLE"],
])("a start goes on when a connection is cut during %s", async (_, text) => {
  await using proxy = await cuttingProxy(Number(new URL(url).port));
  proxy.cutAfter(text);
  const schema = `cut_${text.toLowerCase().replaceAll(" ", "_")}`;
  const through = url.replace(/:\d+\//, `:${proxy.port}/`);
  await using spine = await createSpine({
    database: postgres({ url: through, schema, tableSchema: schema }),
    workflows: [flow],
    logger: silentLogger,
  });
  expect(proxy.cuts).toBe(1);
  const { outputs } = await (await spine.run(flow, {})).result();
  expect(outputs.load).toMatchObject({ inserted: 1 });
});
