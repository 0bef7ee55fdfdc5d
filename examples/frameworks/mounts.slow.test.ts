// The same requests to every framework, at its root and under a base path, with and without a body parser of the host's.

import { spawnSync } from "node:child_process";
import { request as httpRequest } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import { memory } from "spine-adapters/databases";
import { createSpine, defineWorkflow, type Spine, silentLogger } from "spine-core";
import { apiKeys, createHandler, type SpineHandler } from "spine-http";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { spellingsOf } from "../../tools/path-spellings.ts";

/** By `npm run proof -- --http`; otherwise one operation stands for them. */
const ALL_OPERATIONS = process.env.SPINE_HTTP_SPELLINGS === "all";
const KEY = "frameworks-0123456789";
const hello = defineWorkflow({ name: "demo.hello", params: z.object({ name: z.string() }) }).step(
  "greet",
  ({ params }) => `Hello ${params.name}`,
);

const slow = defineWorkflow({ name: "demo.slow" }).wait("go", { signal: "go" });

interface Mounted {
  readonly port: number;
  close(): Promise<unknown>;
}
type Mount = (handler: SpineHandler, parser: boolean) => Promise<Mounted>;

const ensured = spawnSync(process.execPath, [join(import.meta.dirname, "ensure.mjs")], {
  stdio: ["ignore", 2, 2],
});
const { MOUNTS } = (await import("./mounts.mjs")) as { readonly MOUNTS: Readonly<Record<string, Mount>> };

const cells = Object.keys(MOUNTS).flatMap((name) =>
  ["", "/api/spine"].flatMap((basePath) => [false, true].map((parser) => ({ name, basePath, parser }))),
);

let spine: Spine;
beforeAll(async () => {
  spine = await createSpine({ database: memory(), workflows: [hello], logger: silentLogger });
});
afterAll(() => spine.stop());

test("the frameworks are installed", () => expect(ensured.status).toBe(0));

describe.each(cells)("$name at '$basePath', parser: $parser", ({ name, basePath, parser }) => {
  let handler: SpineHandler;
  let mounted: Mounted;

  beforeAll(async () => {
    const principal = { id: "test", permissions: "admin" } as const;
    const limits = { bodyBytes: 20_000, streams: 1, pingMs: 20 };
    handler = createHandler(spine, {
      basePath,
      auth: apiKeys([{ key: KEY, principal }]),
      limits,
      logger: silentLogger,
    });
    mounted = await (MOUNTS[name] as Mount)(handler, parser);
  });
  afterAll(async () => {
    handler.close();
    await mounted.close();
  });

  const ask = (method: string, path: string, { body, headers = {}, key = KEY, raw = false }: Asked = {}) =>
    send(mounted.port, method, raw ? path : basePath + path, body, {
      ...(key === "" ? {} : { authorization: `Bearer ${key}` }),
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...headers,
    });

  test("answers reads, with their query", async () => {
    expect(await ask("GET", "/health", { key: "" })).toMatchObject({ status: 200, json: { status: "ok" } });
    expect((await ask("GET", "/history/runs?limit=1&status=FAILED")).json).toEqual({
      items: [],
      next_cursor: null,
    });
    expect(await ask("GET", "/history/runs?limit=0")).toMatchObject({
      status: 400,
      json: { code: "bad-query" },
    });
    expect(await ask("HEAD", "/health")).toMatchObject({ status: 200, text: "" });
    expect(await ask("OPTIONS", "/pipelines")).toMatchObject({
      status: 204,
      headers: { allow: "GET, HEAD, OPTIONS" },
    });
    expect(await ask("GET", "/no/such/thing")).toMatchObject({ status: 404 });
  });

  test("takes bodies, whoever has parsed them, and events until the end", async () => {
    const whole = await ask("POST", "/pipelines/run/demo.hello", {
      body: JSON.stringify({ params: { name: "Zoë 💥" } }),
      headers: { prefer: "wait=20", "idempotency-key": `${name} ${basePath} ${parser}` },
    });
    expect(whole).toMatchObject({ status: 200, json: { status: "COMPLETED" } });
    const id = whole.json.execution_id as string;
    expect(whole.headers.location).toBe(`${basePath}/pipelines/status/${id}`);
    const bare = await ask("POST", "/pipelines/run/demo.hello", { body: '{"name":"bare"}' });
    expect(bare.status).toBe(202);
    const output = await ask("GET", `/history/runs/${id}/steps/greet/output`);
    expect(output.json).toBe("Hello Zoë 💥");
    const status = await ask("GET", `/pipelines/status/${id}`);
    expect(
      (
        await ask("GET", `/pipelines/status/${id}`, {
          headers: { "if-none-match": status.headers.etag ?? "" },
        })
      ).status,
    ).toBe(304);
    const events = await ask("GET", `/pipelines/events/${id}`);
    expect(events.text).toContain("event: run.completed");
    expect(events.text).toMatch(/event: end\n.*\n.*\n\n$/);
    expect((await ask("POST", `/pipelines/cancel/${id}`)).json).toMatchObject({ changed: false });
  });

  test("refuses what does not fit", async () => {
    const run = "/pipelines/run/demo.hello";
    expect((await ask("POST", run, { body: "{}" })).json).toMatchObject({
      status: 422,
      code: "invalid-params",
    });
    const bad = await ask("POST", run, { body: "{" });
    expect(bad.status).toBe(400);
    // A parser that refuses by itself answers in its own way.
    if (!parser) expect(bad.json.code).toBe("bad-json");
    expect((await ask("POST", run, { body: JSON.stringify({ name: "x".repeat(30_000) }) })).status).toBe(413);
    const form = { "content-type": "application/x-www-form-urlencoded" };
    expect((await ask("POST", run, { body: "name=Ann", headers: form })).status).toBe(415);
    expect((await ask("POST", run, { body: "{}", headers: { "sec-fetch-site": "cross-site" } })).status).toBe(
      403,
    );
    expect((await ask("GET", "/history/runs", { key: "" })).status).toBe(401);
    expect((await ask("GET", "/history/runs", { key: `${KEY}x` })).status).toBe(401);
  });

  test("other spellings of a path reach nothing, whatever the framework makes of them", async () => {
    const read = handler.operations.filter(({ id }) => id === "history.list");
    const all = handler.operations.filter(({ permission }) => permission !== null);
    // What stands in a body plays no part in that, nor does the root: one cell of a framework is asked for all of them.
    const isOne = basePath !== "" && !parser;
    expect(await reachedBySpellings(isOne && ALL_OPERATIONS ? all : read)).toEqual([]);
    expect((await ask("GET", `${basePath}/history/runs`, { raw: true })).status).toBe(200);
  }, 600_000);

  /** What is answered to somebody unknown in another way than that he is not known, or that there is no such thing. */
  const reachedBySpellings = async (operations: SpineHandler["operations"]) => {
    const requests = operations.flatMap(({ method, path }) =>
      spellingsOf(basePath + path.replaceAll(/\{\w+\+?\}/g, "demo.hello")).map(
        (spelling) => [method, spelling] as const,
      ),
    );
    expect(requests.length).toBeGreaterThanOrEqual(operations.length * 200);
    const reached: string[] = [];
    const work = async () => {
      for (let next = requests.pop(); next; next = requests.pop()) {
        const status = await rawStatus(mounted.port, ...next);
        if (![400, 401, 404, 405].includes(status)) reached.push(`${next.join(" ")} ${status}`);
      }
    };
    await Promise.all(Array.from({ length: 16 }, work));
    return reached;
  };

  test("who goes away leaves his place on a stream", async () => {
    const { runId } = (await spine.history.list({ limit: 1 })).items[0] ?? { runId: "" };
    const run = await spine.run(slow, {});
    for (let times = 0; times < 2; times += 1) {
      const gone = new AbortController();
      const response = await fetch(`http://127.0.0.1:${mounted.port}${basePath}/pipelines/events/${run.id}`, {
        headers: { authorization: `Bearer ${KEY}` },
        signal: gone.signal,
      });
      expect(response.status).toBe(200);
      await response.body?.getReader().read();
      gone.abort();
      await expect.poll(async () => (await ask("GET", `/pipelines/events/${runId}`)).status).toBe(200);
    }
    await spine.cancel(run.id);
  });

  test("leaves the host's own routes alone", async () => {
    // Behind node:http there is no host.
    const own = name === "node:http" ? "" : "the host's own";
    expect((await ask("GET", "/host", { raw: true, key: "" })).text).toContain(own);
    if (basePath !== "") expect((await ask("GET", "/elsewhere", { raw: true, key: "" })).status).toBe(404);
  });
});

// biome-ignore lint/suspicious/noExplicitAny: what a test expects of an answer, it says
type AnyJson = any;

interface Asked {
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly key?: string;
  readonly raw?: boolean;
}

/** By hand: a client refuses to send some of these paths. */
function rawStatus(port: number, method: string, path: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.write(
        `${method} ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`,
        "latin1",
      );
    });
    let text = "";
    socket.setEncoding("latin1");
    socket.on("data", (part: string) => {
      text += part;
    });
    socket.on("error", reject);
    socket.on("close", () => resolve(Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1])));
  });
}

/** Not by `fetch`, which mends paths before it sends them. */
function send(
  port: number,
  method: string,
  path: string,
  body: string | undefined,
  headers: Readonly<Record<string, string>>,
) {
  return new Promise<{
    status: number;
    headers: Record<string, string | undefined>;
    text: string;
    json: AnyJson;
  }>((resolve, reject) => {
    const request = httpRequest(
      { port, host: "127.0.0.1", method, path, headers, agent: false },
      (response) => {
        let text = "";
        response.setEncoding("utf8");
        response.on("data", (part: string) => {
          text += part;
        });
        response.on("error", reject);
        response.on("end", () => {
          const isJson = /json/.test(response.headers["content-type"] ?? "");
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers as Record<string, string | undefined>,
            text,
            json: isJson && text !== "" ? JSON.parse(text) : null,
          });
        });
      },
    );
    request.on("error", reject);
    request.end(body);
  });
}
