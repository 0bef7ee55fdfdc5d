// Spine's API in Hono, here on Node: `SPINE_API_KEY=… node hono.ts`.
import { serve } from "@hono/node-server";
import { Hono } from "hono";
import { memory } from "spine-adapters/databases";
import { createSpine, defineWorkflow } from "spine-core";
import { apiKeys, createHandler, honoHandler } from "spine-http";
import { z } from "zod";

const hello = defineWorkflow({ name: "demo.hello", params: z.object({ name: z.string() }) }).step(
  "greet",
  ({ params }) => `Hello ${params.name}`,
);
const spine = await createSpine({ database: memory(), workflows: [hello] });
const handler = createHandler(spine, {
  basePath: "/spine",
  auth: apiKeys([
    { key: process.env.SPINE_API_KEY ?? "", principal: { id: "ops", permissions: "operator" } },
  ]),
});
const port = Number(process.env.PORT ?? 4111);

const app = new Hono();
app.all("/spine/*", honoHandler(handler));
serve({ fetch: app.fetch, port, hostname: "127.0.0.1", overrideGlobalObjects: false }, () =>
  console.log(`http://127.0.0.1:${port}/spine`),
);
