// Spine's API in Next: this file as app/spine/[...path]/route.ts.
import { memory } from "spine-adapters/databases";
import { createSpine, defineWorkflow } from "spine-core";
import { apiKeys, createHandler, nextRoutes } from "spine-http";
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

export const { GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS } = nextRoutes(handler);
