import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { memory } from "spine-adapters/databases";
import { createSpine, defineWorkflow, silentLogger } from "spine-core";
import { z } from "zod";
import { toNodeHandler } from "../adapters/node.ts";
import { apiKeys } from "../auth/api-keys.ts";
import { createHandler } from "../handler.ts";
import { operation } from "../operation.ts";

// A server of its own process: bare `node:http` and the API beside it, and how much CPU time it took. Told by messages.

/** What the process says first. */
export interface LoadServer {
  readonly bare: number;
  readonly api: number;
  readonly runId: string;
}
export const LOAD_KEY = "load-0123456789abcdef";

/** 400 bytes as JSON. */
const ANSWER = { text: "x".repeat(383), n: 1 };

const small = operation({
  id: "load.small",
  method: "GET",
  path: "/load/{id}",
  summary: "400 bytes.",
  permission: "runs:read",
  scoping: "open",
  responses: { 200: z.strictObject({ text: z.string(), n: z.int() }) },
  problems: [],
  handle: () => ({ status: 200, body: ANSWER }),
});
const waits = defineWorkflow({ name: "load.waits" }).wait("go", { signal: "go" });

if (process.send) {
  // Nothing goes on beside the requests: the run stays as it is.
  const spine = await createSpine({
    database: memory(),
    workflows: [waits],
    logger: silentLogger,
    worker: false,
  });
  const principal = { id: "load", permissions: "admin" } as const;
  const handler = createHandler(spine, {
    basePath: "/spine",
    auth: apiKeys([{ key: LOAD_KEY, principal }]),
    operations: [small],
  });
  const bare = createServer((_request, response) => {
    const text = JSON.stringify(ANSWER);
    response.writeHead(200, {
      "content-type": "application/json",
      "content-length": Buffer.byteLength(text),
    });
    response.end(text);
  });
  const api = createServer(toNodeHandler(handler));
  const listening = (server: typeof api) =>
    new Promise<number>((resolve) => {
      server.listen(0, "127.0.0.1", 2_000, () => resolve((server.address() as AddressInfo).port));
    });
  const { id } = await spine.run(waits, {});
  const said: LoadServer = { bare: await listening(bare), api: await listening(api), runId: id };
  process.send(said);
  let begun = process.cpuUsage();
  process.on("message", (message) => {
    if (message === "begin") begun = process.cpuUsage();
    const { user, system } = process.cpuUsage(begun);
    process.send?.({ cpuUs: user + system });
  });
}
