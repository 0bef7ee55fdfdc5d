// Spine's API in Nest, on Express: `SPINE_API_KEY=… node nest.ts`.
import "reflect-metadata";
import { Module } from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import { memory } from "spine-adapters/databases";
import { createSpine, defineWorkflow } from "spine-core";
import { apiKeys, createHandler, toNodeHandler } from "spine-http";
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

class AppModule {}
Module({})(AppModule);
const app = await NestFactory.create(AppModule, { logger: false });
app.use("/spine", toNodeHandler(handler));
await app.listen(port, "127.0.0.1");
console.log(`http://127.0.0.1:${port}/spine`);
