import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { memory } from "spine-adapters/databases";
import { type Spine, silentLogger } from "spine-core";
import { build } from "vite";
import { afterAll, beforeAll, expect, test } from "vitest";
import { toNodeHandler } from "../adapters/node.ts";
import { insecureNoAuth } from "../auth/insecure-no-auth.ts";
import { createHandler, type SpineHandler } from "../handler.ts";
import { demoSpine } from "../testing/demo.ts";
import { createClient, type SpineClient, SpineHttpError } from "./index.ts";

let spine: Spine;
let handler: SpineHandler;
let server: Server;
let client: SpineClient;

beforeAll(async () => {
  spine = await demoSpine(memory());
  handler = createHandler(spine, { basePath: "/spine", auth: insecureNoAuth(), logger: silentLogger });
  server = createServer(toNodeHandler(handler));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  client = createClient({ baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/spine/` });
});
afterAll(async () => {
  handler.close();
  server.closeAllConnections();
  server.close();
  await spine.stop();
});

test("starts a run, follows it, and reads what it did", async () => {
  const started = await client.post("/pipelines/run/{name}", {
    params: { name: "demo.nested" },
    body: { params: {}, tags: ["client"] },
    headers: { "idempotency-key": "client" },
  });
  if (!("execution_id" in started)) throw new Error("it was no dry run");
  const { execution_id: id } = started;
  const types: string[] = [];
  for await (const { type } of client.events(id)) types.push(type);
  expect(types[0]).toBe("run.created");
  expect(types.at(-1)).toBe("run.completed");
  const status = await client.get("/pipelines/status/{id}", {
    params: { id },
    query: { include: ["steps"] },
  });
  expect(status.status).toBe("COMPLETED");
  expect(status.steps[0]?.name).toBe("both");
  const output = await client.get("/history/runs/{id}/steps/{step+}/output", {
    params: { id, step: "both/right/two" },
  });
  expect(output).toBe(2);
  const { items } = await client.get("/history/runs", {
    query: { tag: "client", status: ["COMPLETED", "FAILED"], limit: 5 },
  });
  expect(items.map(({ execution_id }) => execution_id)).toEqual([id]);
  const response = await client.send("GET", "/pipelines/status/{id}", { params: { id } });
  const again = await client.send("GET", "/pipelines/status/{id}", {
    params: { id },
    headers: { "if-none-match": response.headers.get("etag") ?? "" },
  });
  expect(again.status).toBe(304);
});

test("what is refused is an error with the problem in it", async () => {
  const error = await client
    .post("/pipelines/run/{name}", { params: { name: "demo.hello" }, body: { params: { name: "" } } })
    .catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(SpineHttpError);
  expect(error).toMatchObject({
    status: 422,
    code: "invalid-params",
    problem: { errors: [{ path: "/params/name" }] },
  });
  const missing = client.events("01900000-0000-7000-8000-000000000000")[Symbol.asyncIterator]().next();
  await expect(missing).rejects.toMatchObject({ status: 404 });
});

test("a page in the place of an answer, as proxies show them, is an error, and no stream of events", async () => {
  const page = () =>
    new Response("<h1>Log in</h1>", { headers: { "content-type": "text/html; charset=utf-8" } });
  const behind = createClient({ baseUrl: "/spine", fetch: async () => page() });
  const refused = { name: "SpineHttpError", status: 200, problem: null };
  await expect(behind.get("/history/runs")).rejects.toMatchObject(refused);
  const told: boolean[] = [];
  const events = behind.events("01900000-0000-7000-8000-000000000000", {
    connected: (isOpen) => void told.push(isOpen),
  });
  await expect(events[Symbol.asyncIterator]().next()).rejects.toMatchObject(refused);
  expect(told).toEqual([]);
});

test("a time to wait for is told by the clock that has written it", async () => {
  const answer = (headers: Readonly<Record<string, string>>) =>
    createClient({ baseUrl: "/spine", fetch: async () => new Response(null, { status: 503, headers }) })
      .get("/health")
      .catch((error: unknown) => error);
  const date = "Mon, 05 Jan 2026 10:00:00 GMT";
  const later = "Mon, 05 Jan 2026 10:00:30 GMT";
  expect(await answer({ date, "retry-after": later })).toMatchObject({ retryAfter: 30 });
  expect(await answer({ "retry-after": "7" })).toMatchObject({ retryAfter: 7 });
  expect(await answer({ "retry-after": later })).toMatchObject({ retryAfter: 0 });
});

test("types: paths, parameters and answers are those of the table", () => {
  const never = () => {
    // @ts-expect-error there is no such path
    void client.get("/nothing");
    // @ts-expect-error the id is missing
    void client.get("/pipelines/status/{id}");
    // @ts-expect-error it is no status
    void client.get("/history/runs", { query: { status: ["DONE"] } });
    // @ts-expect-error a signal has a name
    void client.post("/pipelines/signal/{id}", { params: { id: "" }, body: {} });
    void client.get("/queues");
    void client.post("/pipelines/cancel/{id}", { params: { id: "" } });
  };
  expect(never).toBeTypeOf("function");
});

test("a browser gets neither zod nor anything of Node's, and little of ours", async () => {
  const [bundle] = (await build({
    configFile: false,
    logLevel: "silent",
    build: { write: false, lib: { entry: join(import.meta.dirname, "index.ts"), formats: ["es"] } },
  })) as unknown as { readonly output: readonly { readonly code: string }[] }[];
  const code = bundle?.output[0]?.code ?? "";
  expect(code).toContain("last-event-id");
  expect(code).not.toMatch(/zod|node:|kysely|\bBuffer\b|\bimport\b/i);
  expect(code.length).toBeLessThan(8_000);
});

test("a name does not lead to another operation", async () => {
  for (const name of ["..", ".", "", "../../alerts/silences/x", "a/../b", "a//b"])
    await expect(client.delete("/scheduler/schedules/{name+}", { params: { name } }), name).rejects.toThrow(
      "cannot stand in a path",
    );
  await expect(client.get("/pipelines/{name}", { params: { name: ".." } })).rejects.toThrow("cannot stand");
  // What only has dots or slashes in it is a name like others.
  const missing = client.get("/pipelines/{name}", { params: { name: "../x" } });
  await expect(missing).rejects.toMatchObject({ status: 400 });
});
