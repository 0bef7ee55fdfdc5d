import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { memory } from "spine-adapters/databases";
import { createSpine, defineWorkflow, silentLogger } from "spine-core";
import { apiKeys, createHandler, toNodeHandler } from "spine-http";
import { createClient } from "spine-http/client";
import { z } from "zod";

const report = defineWorkflow({ name: "demo.report", params: z.object({ day: z.iso.date() }) })
  .step("count", ({ params }) => ({ day: params.day, orders: 42 }))
  .wait("review", { approval: true })
  .step("publish", ({ outputs }) => `${outputs.count.orders} orders on ${outputs.count.day}`);
const spine = await createSpine({ database: memory(), workflows: [report], logger: silentLogger });

// The server: whoever has the key may start runs of the reports team, and sees these only.
const key = process.env.REPORTS_KEY ?? "only-for-this-example";
const handler = createHandler(spine, {
  basePath: "/spine",
  auth: apiKeys([
    { key, principal: { id: "reports", permissions: "operator", scope: { tag: "team:reports" } } },
  ]),
});
const server = createServer(toNodeHandler(handler)).listen(0, "127.0.0.1");
await new Promise((resolve) => server.once("listening", resolve));

// A client: paths, parameters and answers have the types of the operation table.
const { port } = server.address() as AddressInfo;
const client = createClient({
  baseUrl: `http://127.0.0.1:${port}/spine`,
  headers: () => ({ authorization: `Bearer ${key}` }),
});
const started = await client.post("/pipelines/run/{name}", {
  params: { name: "demo.report" },
  body: { params: { day: "2026-01-05" } },
  headers: { "idempotency-key": "report-2026-01-05" },
});
const id = "execution_id" in started ? started.execution_id : "";
for await (const { type } of client.events(id)) {
  if (type !== "step.waiting") continue;
  await client.post("/pipelines/approve/{id}", { params: { id }, body: { step: "review", approved: true } });
}
const { status, steps } = await client.get("/pipelines/status/{id}", { params: { id } });
console.log(status, steps.map(({ name }) => name).join(" → "));
console.log(await client.get("/history/runs/{id}/steps/{step+}/output", { params: { id, step: "publish" } }));

handler.close();
server.closeAllConnections();
server.close();
await spine.stop();
