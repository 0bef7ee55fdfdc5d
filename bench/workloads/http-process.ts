// A server in a process of its own: bare `node:http` and the API beside it, and how much CPU time they took.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { memory } from "spine-adapters/databases";
import { createSpine, defineWorkflow, silentLogger } from "spine-core";
import { apiKeys, createHandler, operation, toNodeHandler } from "spine-http";
import { z } from "zod";
import { serveAsWorker } from "../harness/fork-worker.ts";

/** What the process says to `open`. */
export interface HttpServers {
  /** Ports. */
  readonly bare: number;
  readonly api: number;
  /** A run in which nothing happens. */
  readonly runId: string;
}

const options = JSON.parse(process.argv[2] ?? "{}") as { readonly key: string };
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
const waits = defineWorkflow({ name: "bench.waits" }).wait("go", { signal: "go" });

async function open(): Promise<HttpServers> {
  // Nothing goes on beside the requests: the run stays as it is.
  const spine = await createSpine({
    database: memory(),
    workflows: [waits],
    logger: silentLogger,
    worker: false,
  });
  const handler = createHandler(spine, {
    basePath: "/spine",
    auth: apiKeys([{ key: options.key, principal: { id: "load", permissions: "admin" } }]),
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
  return { bare: await listening(bare), api: await listening(api), runId: id };
}

let begun = process.cpuUsage();

serveAsWorker(async (message) => {
  if (message === "open") return await open();
  if (message === "begin") begun = process.cpuUsage();
  const { user, system } = process.cpuUsage(begun);
  return user + system;
});
