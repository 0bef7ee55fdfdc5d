// What is refused, and how it is told.

import { memory } from "spine-adapters/databases";
import { createSpine, defineWorkflow, newId, type Spine, silentLogger } from "spine-core";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { apiKeys } from "./auth/api-keys.ts";
import type { Principal } from "./auth/auth.ts";
import { hostSession } from "./auth/host-session.ts";
import { insecureNoAuth } from "./auth/insecure-no-auth.ts";
import { createHandler } from "./handler.ts";
import type { HandlerOptions } from "./handler-options.ts";
import { operation } from "./operation.ts";
import { HttpProblem } from "./problems.ts";
import { type Asked, type Asker, asker } from "./testing/ask.ts";
import { demoSpine } from "./testing/demo.ts";

let spine: Spine;
beforeAll(async () => {
  spine = await demoSpine(memory());
});
afterAll(() => spine.stop());

function serve(options: Partial<HandlerOptions> = {}): Asker {
  const handler = createHandler(spine, { auth: insecureNoAuth(), logger: silentLogger, ...options });
  onTestFinished(() => handler.close());
  return asker(handler);
}
const RUN = "/pipelines/run/demo.hello";
const GOOD = { body: { name: "Ann" } };

describe("the error catalogue", () => {
  const NO_RUN = newId();
  const deep = `${"[".repeat(70)}${"]".repeat(70)}`;
  test.each<[code: string, status: number, method: string, path: string, asked?: Asked]>([
    ["bad-path", 400, "GET", "/pipelines/../health"],
    ["bad-json", 400, "POST", RUN, { body: "{" }],
    ["bad-json", 400, "POST", RUN, { body: Buffer.from([0xff, 0xfe]) }],
    ["bad-json", 400, "POST", RUN, { body: `{"params":${deep}}` }],
    ["bad-json", 400, "POST", `/pipelines/signal/${NO_RUN}`],
    ["bad-query", 400, "GET", "/history/runs", { query: "limit=0" }],
    ["bad-query", 400, "GET", "/history/runs", { query: "limit=1&limit=2" }],
    ["bad-query", 400, "GET", "/history/runs", { query: "__proto__=1" }],
    [
      "bad-query",
      400,
      "GET",
      "/history/runs",
      { query: "from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z" },
    ],
    ["bad-query", 400, "GET", "/health", { query: "x=1" }],
    ["bad-cursor", 400, "GET", "/history/runs", { query: "cursor=abc" }],
    ["bad-header", 400, "POST", RUN, { ...GOOD, headers: { "idempotency-key": "" } }],
    ["cross-origin", 403, "POST", RUN, { ...GOOD, headers: { "sec-fetch-site": "cross-site" } }],
    ["cross-origin", 403, "POST", RUN, { ...GOOD, headers: { origin: "https://evil.example" } }],
    ["cross-origin", 403, "POST", RUN, { ...GOOD, headers: { origin: "null" } }],
    ["not-found", 404, "GET", "/nothing"],
    ["not-found", 404, "GET", `/pipelines/status/${NO_RUN}`],
    ["not-found", 404, "GET", "/pipelines/status/x"],
    ["not-found", 404, "POST", "/pipelines/run/no.such", GOOD],
    ["method-not-allowed", 405, "DELETE", RUN],
    ["too-large", 413, "POST", RUN, { body: { name: "x".repeat(1 << 20) } }],
    [
      "unsupported-media",
      415,
      "POST",
      RUN,
      { body: "name=Ann", headers: { "content-type": "application/x-www-form-urlencoded" } },
    ],
    ["unsupported-media", 415, "POST", RUN, { body: "{}", headers: { "content-type": "text/plain" } }],
    [
      "unsupported-media",
      415,
      "POST",
      RUN,
      { body: "{}", headers: { "content-type": "application/json; charset=utf-16" } },
    ],
    ["unsupported-media", 415, "POST", RUN, { body: "{}", headers: { "content-encoding": "gzip" } }],
    ["invalid-params", 422, "POST", RUN, { body: { name: "" } }],
    ["invalid-params", 422, "POST", RUN, { body: { name: "\0" } }],
    ["invalid-body", 422, "POST", RUN, { body: { params: { name: "A" }, priorty: 1 } }],
    ["invalid-body", 422, "POST", RUN, { body: { params: { name: "A" }, tags: [""] } }],
    ["invalid-body", 422, "POST", RUN, { body: [] }],
    ["invalid-body", 422, "POST", "/history/runs/actions", { body: { action: "cancel" } }],
  ])("%s (%i): %s %s", async (code, status, method, path, asked) => {
    const answer = await serve()(method, path, asked);
    expect(answer.json).toMatchObject({
      code,
      status,
      type: `https://spine.dev/problems/${code}`,
      instance: path.slice(0, 500),
    });
    expect(answer.status).toBe(status);
    expect(answer.headers["content-type"]).toBe("application/problem+json");
    expect(answer.headers["x-request-id"]).toBe(answer.json.request_id);
  });

  test("says by JSON Pointer what does not fit", async () => {
    const ask = serve();
    const params = await ask("POST", RUN, { body: { name: "", times: 99 } });
    expect(params.json.errors.map(({ path }: { path: string }) => path)).toEqual([
      "/params/name",
      "/params/times",
    ]);
    const body = await ask("POST", RUN, { body: { params: {}, "a/b~c": 1, priority: "high" } });
    expect(body.json.errors.map(({ path }: { path: string }) => path)).toContain("/priority");
  });

  test("a run that is past retention is gone, one that never was is not there", async () => {
    const old = await createSpine({ database: memory(), logger: silentLogger, retention: { runs: "30d" } });
    onTestFinished(() => old.stop());
    const handler = createHandler(old, { auth: insecureNoAuth() });
    const ask = asker(handler);
    const answer = await ask("GET", `/pipelines/status/${idOf(Date.now() - 31 * 86_400_000)}`);
    expect(answer.json).toMatchObject({ status: 410, code: "expired" });
    expect((await ask("GET", `/pipelines/status/${newId()}`)).status).toBe(404);
  });

  test("what fails inside tells nothing but where to look for it", async () => {
    const fails = operation({
      id: "demo.fails",
      method: "GET",
      path: "/demo/fails",
      summary: "Fails.",
      permission: "demo:read",
      scoping: "open",
      responses: { 200: z.strictObject({}) },
      problems: [],
      handle: () => {
        throw new Error("SELECT password FROM users at db.internal");
      },
    });
    const logged: unknown[] = [];
    const logger = { ...silentLogger, error: (...line: unknown[]) => void logged.push(line) };
    const answer = await serve({ operations: [fails], logger })("GET", "/demo/fails");
    expect(answer.json).toMatchObject({ status: 500, code: "internal", category: "INTERNAL" });
    expect(answer.text).not.toMatch(/password|db\.internal/);
    expect(JSON.stringify(logged)).toContain(answer.json.request_id);
  });

  test("a Spine that was stopped is draining, and so is a handler that was closed", async () => {
    const other = await demoSpine(memory());
    const handler = createHandler(other, { auth: insecureNoAuth(), logger: silentLogger });
    const ask = asker(handler);
    await other.stop();
    const answer = await ask("POST", RUN, GOOD);
    expect(answer.json).toMatchObject({ status: 503, code: "draining", retryable: true });
    expect(answer.headers["retry-after"]).toBe("2");
    handler.close();
    expect((await ask("GET", "/health")).json.code).toBe("draining");
  });

  test("too many streams, and too many changes, wait", async () => {
    const ask = serve({ limits: { streams: 1, writesPerSecond: 0.1 } });
    const { json } = await ask("POST", "/pipelines/run/demo.gated", { body: {} });
    const gone = new AbortController();
    const first = await ask("GET", `/pipelines/events/${json.execution_id}`, { signal: gone.signal });
    const texts = first.stream?.[Symbol.asyncIterator]();
    await texts?.next();
    expect((await ask("GET", `/pipelines/events/${json.execution_id}`)).json.code).toBe("too-many-streams");
    const limited = await ask("POST", `/pipelines/cancel/${json.execution_id}`);
    expect(limited.json).toMatchObject({ status: 429, code: "rate-limited" });
    expect(Number(limited.headers["retry-after"])).toBeGreaterThan(1);
    expect(limited.headers).toMatchObject({
      "ratelimit-policy": '"writes";q=1;w=10',
      ratelimit: `"writes";r=0;t=${limited.headers["retry-after"]}`,
    });
    gone.abort();
    await texts?.return?.();
    // Its place is free again.
    expect((await ask("HEAD", `/pipelines/events/${json.execution_id}`)).status).toBe(200);
    expect((await ask("HEAD", `/pipelines/events/${json.execution_id}`)).status).toBe(200);
    await spine.cancel(json.execution_id);
  });
});

test("what may be changed is limited, and says how much of it is left: with answers and with problems", async () => {
  const ask = serve({ limits: { writesPerSecond: 2 } });
  const first = await ask("POST", RUN, GOOD);
  const second = await ask("POST", RUN, { body: { name: 1 } });
  expect([first, second].map(({ status, headers }) => [status, headers.ratelimit])).toEqual([
    [202, '"writes";r=19;t=1'],
    [422, '"writes";r=18;t=1'],
  ]);
  expect((await ask("GET", "/pipelines")).headers).not.toHaveProperty("ratelimit");
  const free = serve({ limits: { writesPerSecond: Number.POSITIVE_INFINITY } });
  expect((await free("POST", RUN, GOOD)).headers).not.toHaveProperty("ratelimit");
});

test("who has gone before his stream was begun leaves his place, and nobody watches the run for him", async () => {
  const ask = serve({ limits: { streams: 1 } });
  const { json } = await ask("POST", "/pipelines/run/demo.gated", { body: {} });
  const path = `/pipelines/events/${json.execution_id}`;
  const left: unknown[] = [];
  for (const signal of [AbortSignal.abort(), AbortSignal.abort()])
    left.push((await ask("GET", path, { signal })).status);
  const gone = new AbortController();
  left.push((await ask("GET", path, { signal: gone.signal })).status);
  expect(left).toEqual([200, 200, 200]);
  expect((await ask("GET", path)).json.code).toBe("too-many-streams");
  gone.abort();
  expect((await ask("HEAD", path)).status).toBe(200);
  expect((await ask("HEAD", path)).headers["cache-control"]).toContain("no-transform");
  await spine.cancel(json.execution_id);
});

test("OpenAPI is made once for all who may do the same", async () => {
  const ask = serve();
  const begun = performance.now();
  const { headers } = await ask("GET", "/openapi.json");
  const once = performance.now() - begun;
  const again = performance.now();
  for (const known of [headers.etag, `W/${headers.etag}`, `"x", ${headers.etag}`])
    expect((await ask("GET", "/openapi.json", { headers: { "if-none-match": known } })).status).toBe(304);
  expect(performance.now() - again).toBeLessThan(once / 2);
  expect((await ask("GET", "/openapi.json", { headers: { "if-none-match": '"x"' } })).status).toBe(200);
});

describe("who may ask", () => {
  test("nobody without `auth`, and options that do not exist are refused", () => {
    const bad = (options: object) => () => createHandler(spine, options as HandlerOptions);
    expect(bad({})).toThrow("`auth`");
    expect(bad({ auth: {} })).toThrow("`auth`");
    expect(bad({ auth: insecureNoAuth(), basepath: "/x" })).toThrow("`basepath`");
    expect(bad({ auth: insecureNoAuth(), basePath: "spine" })).toThrow("basePath");
    expect(bad({ auth: insecureNoAuth(), limits: { bodyBytes: -1 } })).toThrow("bodyBytes");
    expect(bad({ auth: insecureNoAuth(), cors: { origins: ["*"] } })).toThrow("origins");
    expect(() => apiKeys([{ key: "", principal: { id: "a", permissions: "admin" } }])).toThrow("16");
    const twice = { key: "k".repeat(16), principal: { id: "a", permissions: "admin" } } as const;
    expect(() => apiKeys([twice, twice])).toThrow("same");
  });

  test("a pipeline with a name of the API's own is refused", async () => {
    const own = await createSpine({
      database: memory(),
      logger: silentLogger,
      workflows: [defineWorkflow({ name: "status" }).step("a", () => 1)],
    });
    onTestFinished(() => own.stop());
    expect(() => createHandler(own, { auth: insecureNoAuth() })).toThrow('"status"');
  });

  test("without auth only who is on this machine, under its own name, through no proxy", async () => {
    const ask = serve();
    const get = (asked: Asked) => ask("GET", "/session", asked).then(({ status }) => status);
    expect(await get({})).toBe(200);
    expect(await get({ peer: "::ffff:127.0.0.1", headers: { host: "[::1]:4111" } })).toBe(200);
    expect(await get({ peer: "10.0.0.7" })).toBe(401);
    expect(await get({ peer: null })).toBe(401);
    expect(await get({ headers: { host: "rebound.example" } })).toBe(401);
    expect(await get({ headers: { "x-forwarded-for": "1.2.3.4" } })).toBe(401);
    // Health tells nothing, and so everybody may ask.
    expect((await ask("GET", "/health", { peer: "10.0.0.7" })).json).toEqual({ status: "ok" });
  });

  test("keys: each with its permissions", async () => {
    const key = (id: string) => `${id}-0123456789abcdef`;
    const principals: readonly Principal[] = [
      { id: "viewer", permissions: "viewer" },
      { id: "operator", permissions: "operator" },
      { id: "admin", permissions: "admin" },
      { id: "one", permissions: ["queues:write"] },
      { id: "none", permissions: [] },
    ];
    const ask = serve({
      auth: apiKeys(principals.map((principal) => ({ key: key(principal.id), principal }))),
    });
    const as = async (id: string, method: string, path: string, asked: Asked = {}) =>
      (await ask(method, path, { ...asked, headers: { authorization: `Bearer ${key(id)}` } })).status;
    const cells = await Promise.all(
      principals.map(async ({ id }) => [
        id,
        await as(id, "GET", "/history/runs"),
        await as(id, "POST", RUN, GOOD),
        await as(id, "PATCH", "/queues/q", { body: { paused: false } }),
      ]),
    );
    expect(cells).toEqual([
      ["viewer", 200, 403, 403],
      ["operator", 200, 202, 403],
      ["admin", 200, 202, 200],
      ["one", 403, 403, 200],
      ["none", 403, 403, 403],
    ]);
    expect((await ask("GET", "/history/runs", { headers: { "x-api-key": key("viewer") } })).status).toBe(200);
    for (const wrong of [
      {},
      { "x-api-key": "" },
      { authorization: `Bearer ${key("viewer")}x` },
      { authorization: key("viewer") },
    ])
      expect((await ask("GET", "/history/runs", { headers: wrong })).json.code).toBe("unauthenticated");
  });

  test("the host's session, a hook for each operation, and a read-only handler", async () => {
    const auth = hostSession<null>(() => ({ id: "ann", permissions: "admin" }));
    const asked: string[] = [];
    const ask = serve({
      auth: {
        ...auth,
        authorize: ({ operation: id, params, permission }) => {
          asked.push(`${id} ${permission} ${params.name ?? ""}`);
          return params.name !== "demo.hello";
        },
      },
    });
    expect((await ask("POST", RUN, GOOD)).status).toBe(403);
    expect((await ask("GET", "/pipelines/demo.rows")).status).toBe(200);
    expect(asked).toEqual(["pipelines.run runs:start demo.hello", "pipelines.get pipelines:read demo.rows"]);
    const reading = serve({ auth, readOnly: true });
    expect((await reading("POST", RUN, GOOD)).status).toBe(403);
    expect((await reading("GET", "/session")).json.operations).not.toContain("pipelines.run");
    const none = serve({ auth: hostSession(() => null) });
    expect((await none("GET", "/pipelines")).status).toBe(401);
  });

  test("what changes something is told, and what comes of it", async () => {
    const told: string[] = [];
    const ask = serve({
      audit: ({ operation: id, principal, status, reason }) =>
        void told.push(`${principal.id} ${id} ${status} ${reason}`),
    });
    await ask("POST", RUN, GOOD);
    await ask("POST", RUN, { body: { name: 1 } });
    await ask("GET", "/pipelines");
    expect(told).toEqual(["anybody pipelines.run 202 null", "anybody pipelines.run 422 null"]);
    await ask("POST", "/pipelines/cancel/x", { body: { reason: "a test" } });
    expect(told.at(-1)).toBe("anybody runs.cancel 404 a test");
  });

  test("an audit is told who was kept out, under the id that he was told", async () => {
    const told: { readonly status: number; readonly requestId: string }[] = [];
    const auth = hostSession<null>(() => ({ id: "ann", permissions: "viewer" }));
    const audit: HandlerOptions["audit"] = (entry) => void told.push(entry);
    const refused = await serve({ auth, audit })("POST", RUN, GOOD);
    const limited = serve({ audit, limits: { writesPerSecond: 0.1 } });
    const done = await limited("POST", RUN, GOOD);
    await limited("POST", RUN, GOOD);
    expect(told.map(({ status }) => status)).toEqual([403, 202, 429]);
    expect(told.map(({ requestId }) => requestId).slice(0, 2)).toEqual([
      refused.json.request_id,
      done.headers["x-request-id"],
    ]);
  });

  test("an audit that fails is logged: what was done stays done, and is answered so", async () => {
    const rejected: unknown[] = [];
    const note = (reason: unknown) => void rejected.push(reason);
    process.on("unhandledRejection", note);
    onTestFinished(() => void process.off("unhandledRejection", note));
    const logged: unknown[] = [];
    const logger = { ...silentLogger, error: (...line: unknown[]) => void logged.push(line) };
    let times = 0;
    const fail = () => {
      times += 1;
      throw new Error("the audit is away");
    };
    for (const audit of [fail, async () => fail()])
      expect((await serve({ audit, logger })("POST", RUN, GOOD)).status).toBe(202);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect([times, logged.length, rejected]).toEqual([2, 2, []]);
    expect(JSON.stringify(logged)).toContain("the audit is away");
  });

  test("parameters that the host completes may take their time", async () => {
    const ask = serve({
      completeParams: async ({ params, principal }) => ({ ...(params as object), name: principal.id }),
    });
    const { json } = await ask("POST", RUN, { body: { times: 2 }, headers: { prefer: "wait=20" } });
    const { json: run } = await ask("GET", `/history/runs/${json.execution_id}`);
    expect(run.params).toEqual({ name: "anybody", times: 2 });
    const dry = await ask("POST", RUN, { body: { params: {}, dry_run: true } });
    expect(dry.json.params).toEqual({ name: "anybody", times: 1 });
  });
});

describe("other sites", () => {
  test("nothing is said to them, unless they are named", async () => {
    const origin = "https://ops.example.com";
    const silent = await serve()("GET", "/health", { headers: { origin } });
    expect(Object.keys(silent.headers).filter((name) => name.startsWith("access-control"))).toEqual([]);
    const ask = serve({ cors: { origins: [origin], credentials: true } });
    const named = await ask("GET", "/health", { headers: { origin } });
    expect(named.headers).toMatchObject({
      "access-control-allow-origin": origin,
      "access-control-allow-credentials": "true",
      "access-control-expose-headers": expect.stringContaining("Date, ETag") as string,
      vary: "Origin",
    });
    const other = await ask("GET", "/health", { headers: { origin: "https://evil.example" } });
    expect(other.headers).not.toHaveProperty("access-control-allow-origin");
    const asked = await ask("OPTIONS", RUN, { headers: { origin, "access-control-request-method": "POST" } });
    expect(asked).toMatchObject({
      status: 204,
      headers: { allow: "OPTIONS, POST", "access-control-allow-methods": "OPTIONS, POST" },
    });
    const posted = await ask("POST", RUN, { ...GOOD, headers: { origin, "sec-fetch-site": "cross-site" } });
    expect(posted.status).toBe(202);
  });

  test("pages of this origin, and what is no browser, may change something", async () => {
    const ask = serve();
    for (const headers of [
      {},
      { "sec-fetch-site": "same-origin" },
      { "sec-fetch-site": "none" },
      { origin: "http://localhost" },
    ])
      expect((await ask("POST", RUN, { ...GOOD, headers })).status).toBe(202);
  });
});

test("HEAD is GET without a body", async () => {
  const ask = serve();
  expect(await ask("HEAD", "/health")).toMatchObject({ status: 200, text: "" });
  expect((await ask("HEAD", RUN)).status).toBe(405);
});

test("a body cannot change prototypes", async () => {
  const ask = serve();
  await ask("POST", RUN, {
    body: '{"params":{"name":"A","__proto__":{"polluted":1}},"__proto__":{"polluted":1}}',
  });
  expect(({} as { polluted?: number }).polluted).toBeUndefined();
});

/** A run's id as it was made at a time. */
function idOf(ms: number): string {
  const time = ms.toString(16).padStart(12, "0");
  return `${time.slice(0, 8)}-${time.slice(8)}-7000-8000-000000000000`;
}

test("the host has a word on the parameters of each run, by whichever door it is started", async () => {
  const ask = serve({
    completeParams({ pipeline, params }) {
      const { name } = params as { readonly name: string };
      if (name === "Eve") throw new HttpProblem("forbidden", `Not of ${pipeline}.`);
      return { name: `${name} B` };
    },
  });
  const first = await ask("POST", RUN, { ...GOOD, headers: { prefer: "wait=20" } });
  const id = first.json.execution_id as string;
  await ask("POST", "/scheduler/schedules", {
    body: { name: "by-hand", pipeline: "demo.hello", params: { name: "Ann" }, every: 3_600 },
  });
  for (const path of [RUN, `/pipelines/rerun/${id}`, "/scheduler/schedules/by-hand/trigger"]) {
    const refused = await ask("POST", path, { body: { params: { name: "Eve" } } });
    expect(refused, path).toMatchObject({ status: 403, json: { detail: "Not of demo.hello." } });
    const { json } = await ask("POST", path, { body: { params: { name: "Bob" } } });
    const { json: run } = await ask("GET", `/history/runs/${json.execution_id}`);
    expect(run.params, path).toMatchObject({ name: "Bob B" });
  }
  await ask("DELETE", "/scheduler/schedules/by-hand", { headers: { "if-match": "*" } });
});
