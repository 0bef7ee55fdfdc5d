// Nobody reaches what is not his: by another spelling of a path, as another tenant, or by what is said of secrets.

import { memory } from "spine-adapters/databases";
import { type Spine, silentLogger } from "spine-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { spellingsOf } from "../../../tools/path-spellings.ts";
import { apiKeys } from "./auth/api-keys.ts";
import type { Principal } from "./auth/auth.ts";
import { segmentsOf } from "./canonical-path.ts";
import { createHandler, type SpineHandler } from "./handler.ts";
import type { AnyOperation } from "./operation.ts";
import { type AnyJson, type Asker, asker, requestOf } from "./testing/ask.ts";
import { demoSpine, weeks } from "./testing/demo.ts";

const KEY = (id: string) => `${id}-0123456789abcdef`;
const tenant = (name: string): Principal => ({
  id: name,
  permissions: "admin",
  scope: { tag: `tenant:${name}` },
});
const PRINCIPALS: readonly Principal[] = [
  tenant("acme"),
  tenant("globex"),
  { id: "pipelines", permissions: "admin", scope: { pipelines: ["demo.hel*"] } },
  { id: "root", permissions: "admin" },
];

let spine: Spine;
let handler: SpineHandler;
let ask: Asker;
const as = (id: string) => ({ authorization: `Bearer ${KEY(id)}` });

beforeAll(async () => {
  spine = await demoSpine(memory(), { secrets: (reference) => CANARIES.get(reference) ?? "" });
  handler = createHandler(spine, {
    basePath: "/api/spine",
    auth: apiKeys(PRINCIPALS.map((principal) => ({ key: KEY(principal.id), principal }))),
    partitions: [{ partitions: weeks, params: () => ({}) }],
    limits: { writesPerSecond: 1e9, pingMs: 5 },
    logger: silentLogger,
  });
  ask = asker(handler);
});
afterAll(async () => {
  handler.close();
  await spine.stop();
});

/** A path of an operation, with these in it. */
function pathOf({ path }: AnyOperation, values: Readonly<Record<string, string>>): string {
  return path.replaceAll(/\{(\w+)\+?\}/g, (_, name: string) => values[name] ?? "x");
}

describe("another spelling of a path", () => {
  const targets = () =>
    handler.operations
      .filter(({ permission }) => permission !== null)
      .map((operation) => ({
        operation,
        path:
          handler.basePath +
          pathOf(operation, { name: "demo.hello", id: "01900000-0000-7000-8000-000000000000" }),
      }));

  test("there are 200 of each, none of which is the path itself", () => {
    for (const { path } of targets()) {
      const spellings = spellingsOf(path);
      expect(new Set(spellings).size).toBeGreaterThanOrEqual(200);
      expect(spellings).not.toContain(path);
    }
  });

  test("reaches no operation without permission, and with permission it is no other way in", async () => {
    const reached: string[] = [];
    for (const { operation, path } of targets()) {
      for (const spelling of spellingsOf(path)) {
        const { status, body } = await handler.handle(requestOf(spelling, operation.method, {}));
        const code = (JSON.parse(body as string) as { code?: string }).code;
        // 401 says that somebody has to say who he is, 405 that another method is there: no way in either.
        if (![400, 401, 404, 405].includes(status) || code === undefined)
          reached.push(`${operation.method} ${spelling} ${status}`);
      }
    }
    expect(reached).toEqual([]);
  });

  test("a path in another spelling is none: what a guard of the host's sees is what is routed", async () => {
    const path = `${handler.basePath}/history/runs`;
    const found: string[] = [];
    for (const spelling of spellingsOf(path)) {
      const { status } = await handler.handle(requestOf(spelling, "GET", { headers: as("root") }));
      if (status !== 400 && status !== 404) found.push(spelling);
    }
    expect(found).toEqual([]);
  });

  test("segments are decoded once", () => {
    expect(segmentsOf("/a/b%20c/%252F")).toEqual(["a", "b c", "%2F"]);
    expect(segmentsOf("/caf%C3%A9")).toEqual(["café"]);
    for (const bad of [
      "",
      "a",
      "/",
      "/a/",
      "//a",
      "/a/./b",
      "/%2e%2e/a",
      "/%41",
      "/a%2Fb",
      "/a;b",
      "/a\\b",
      "/a%00",
      "/%C3",
      "/%",
    ])
      expect(segmentsOf(bad), bad).toBeNull();
  });
});

describe("two tenants", () => {
  let runs: Record<"acme" | "globex", AnyJson>;

  beforeAll(async () => {
    const made: Record<string, unknown> = {};
    for (const id of ["acme", "globex"] as const) {
      const post = async (name: string, params: object) =>
        (
          await ask("POST", `/pipelines/run/${name}`, {
            body: { params, tags: [`of-${id}`] },
            headers: { ...as(id), prefer: "wait=20", "idempotency-key": "same for both" },
          })
        ).json;
      made[id] = {
        hello: await post("demo.hello", { name: `secret of ${id}` }),
        nested: await post("demo.nested", {}),
        rows: await post("demo.rows", { week: "2025-01-06" }),
        gated: (
          await ask("POST", "/pipelines/run/demo.gated", {
            body: { params: { note: `note of ${id}` } },
            headers: as(id),
          })
        ).json,
      };
    }
    runs = made as typeof runs;
    // What they do by themselves is over.
    for (const { gated } of Object.values(runs))
      for await (const { run } of (await spine.attach(gated.execution_id)).watch())
        if (run.status === "WAITING") break;
  });

  test("have runs of their own under the same key", () => {
    expect(runs.acme.hello.execution_id).not.toBe(runs.globex.hello.execution_id);
    expect(runs.acme.hello.run.tags).toEqual(["of-acme", "tenant:acme"]);
  });

  test("no operation lets one see or change anything of the other", async () => {
    const leaks: string[] = [];
    const tried = new Set<string>();
    const theirs = Object.values(runs.globex as Record<string, AnyJson>).map(
      (run) => run.execution_id as string,
    );
    const children = (await spine.history.list({ parentRunId: runs.globex.nested.execution_id })).items.map(
      ({ runId }) => runId,
    );
    const load = await ask("GET", `/history/runs/${runs.globex.rows.execution_id}/steps/load/output`, {
      headers: as("globex"),
    });
    const others = [...theirs, ...children];
    const before = await Promise.all(others.map(async (id) => JSON.stringify((await spine.get(id)).run)));
    for (const operation of handler.operations) {
      for (const id of others) {
        for (const query of queriesOf(operation, id)) {
          const values = {
            id: operation.id === "lineage.load" ? load.json.loadId : id,
            other: runs.acme.hello.execution_id,
            step: "clean",
            name: "demo.hello",
            table: "http_trades",
            pipeline: "demo.rows",
            domain: "demo",
          };
          const body = operation.body ? bodyOf(operation.id, others) : undefined;
          if (operation.id === "pipelines.run") continue;
          const signal = AbortSignal.timeout(200);
          const answer = await ask(operation.method, pathOf(operation, values), {
            headers: as("acme"),
            query,
            body,
            signal,
          });
          tried.add(operation.id);
          let text = answer.text;
          for await (const part of answer.stream ?? []) text += part;
          // What was asked for may be told again in a problem; nothing else of the other's may be said.
          const said = answer.status < 400 ? text : "";
          const isNamed = operation.id === "runs.bulk" && answer.json?.changed.length === 0;
          if (
            !isNamed &&
            (others.some((other) => said.includes(other)) || /of globex|tenant:globex/.test(text))
          )
            leaks.push(`${operation.id} ${answer.status} ${text.slice(0, 200)}`);
        }
      }
    }
    expect(leaks).toEqual([]);
    expect(tried.size).toBe(handler.operations.length - 1);
    const after = await Promise.all(others.map(async (id) => JSON.stringify((await spine.get(id)).run)));
    expect(after).toEqual(before);
  });

  test("each sees its own: runs, and those that they started", async () => {
    const mine = await ask("GET", "/history/runs", { headers: as("acme") });
    expect(mine.json.items).toHaveLength(4);
    const tagged = await ask("GET", "/history/runs", {
      headers: as("acme"),
      query: "tag=of-acme&count=capped",
    });
    expect(tagged.json.items).toHaveLength(3);
    const children = await ask("GET", "/history/runs", {
      headers: as("acme"),
      query: `parent=${runs.acme.nested.execution_id}`,
    });
    expect(children.json.items).toHaveLength(1);
    const child = children.json.items[0].execution_id;
    const status = await ask("GET", `/pipelines/status/${child}`, { headers: as("acme") });
    expect(status.json.status).toBe("COMPLETED");
    const known = { ...as("acme"), "if-none-match": status.headers.etag };
    expect((await ask("GET", `/pipelines/status/${child}`, { headers: known })).status).toBe(304);
    // An ETag is no key: what the other has got proves nothing.
    const stolen = { ...as("globex"), "if-none-match": status.headers.etag };
    expect((await ask("GET", `/pipelines/status/${child}`, { headers: stolen })).status).toBe(404);
    const stats = await ask("GET", "/history/stats", { headers: as("acme"), query: "bucket=day" });
    expect(stats.json.buckets.at(-1).runs).toBe(4);
    expect(stats.json).toMatchObject({ runs: 4, duration: null });
  });

  test("who may see some pipelines sees no others", async () => {
    const headers = as("pipelines");
    const names = (await ask("GET", "/pipelines", { headers })).json.items.map(({ name }: AnyJson) => name);
    expect(names).toEqual(["demo.hello"]);
    expect((await ask("GET", "/pipelines/demo.rows", { headers })).status).toBe(404);
    expect((await ask("POST", "/pipelines/run/demo.rows", { headers, body: {} })).status).toBe(404);
    const { json } = await ask("GET", "/history/runs", { headers });
    expect(new Set(json.items.map(({ pipeline }: AnyJson) => pipeline))).toEqual(new Set(["demo.hello"]));
    expect((await ask("GET", "/history/stats", { headers })).status).toBe(403);
    expect((await ask("GET", "/history/stats", { headers, query: "pipeline=demo.hello" })).json.runs).toBe(4);
    expect((await ask("GET", "/queues", { headers })).status).toBe(403);
  });

  test("a stream ends when its caller may not see it any more", async () => {
    let allowed = true;
    const strict = createHandler(spine, {
      auth: { authenticate: () => (allowed ? { id: "ann", permissions: "admin" } : null) },
      limits: { pingMs: 5, reauthorizeMs: 1 },
      logger: silentLogger,
    });
    const { stream } = await asker(strict)("GET", `/pipelines/events/${runs.acme.gated.execution_id}`);
    let parts = 0;
    for await (const _ of stream ?? []) {
      parts += 1;
      if (parts === 3) allowed = false;
    }
    expect(parts).toBeGreaterThanOrEqual(3);
    strict.close();
  });
});

/** Queries that an operation takes, with the other's id wherever one fits. */
function queriesOf({ id }: AnyOperation, run: string): readonly string[] {
  switch (id) {
    case "events.many":
      return [`run=${run}`, "pipeline=demo.hello", "pipeline=demo.gated"];
    case "history.list":
      return ["", `parent=${run}`, "tag=of-globex", "tag=tenant:globex&count=capped", "q=secret"];
    case "history.stats":
      return ["", "pipeline=demo.hello", "bucket=day"];
    case "quality.trend":
      return ["pipeline=demo.rows&check=recordCount"];
    case "rejects.list":
      return ["step=clean"];
    case "alerts.list":
      return ["", `run=${run}`];
    case "lineage.affected":
      return ["source=array"];
    case "partitions.manifest":
      return ["part=a=b"];
    default:
      return [""];
  }
}

function bodyOf(operation: string, ids: readonly string[]): unknown {
  switch (operation) {
    case "runs.bulk":
      return { action: "cancel", ids };
    case "runs.signal":
      return { name: "go" };
    case "runs.decide":
      return { step: "review", approved: true };
    case "rejects.discard":
      return { step: "clean", reason: "x" };
    case "rejects.restore":
    case "rejects.redrive":
      return { step: "clean" };
    case "cursors.reset":
      return { step: "fetch" };
    case "partitions.backfill":
      return { select: "missing" };
    default:
      return {};
  }
}

const CANARIES = new Map(
  Array.from({ length: 40 }, (_, index) => [
    `env:CANARY_${index}`,
    `canary-${index}-${(index * 7919 + 1e6).toString(36)}"\\/é`,
  ]),
);

test("40 secrets go through parameters, logs, metrics, progress, outputs and errors, and are found nowhere", async () => {
  const headers = as("root");
  const leaks: string[] = [];
  const look = (where: string, text: string) => {
    for (const secret of CANARIES.values())
      for (const form of [
        secret,
        JSON.stringify(secret).slice(1, -1),
        encodeURIComponent(secret),
        Buffer.from(secret).toString("base64"),
      ])
        if (text.includes(form)) leaks.push(`${where}: ${form}`);
  };
  const ids: string[] = [];
  for (const [index, reference] of [...CANARIES.keys()].entries()) {
    const started = await ask("POST", "/pipelines/run/demo.leaky", {
      headers: { ...headers, prefer: "wait=20" },
      body: { params: { key: reference, fails: index % 2 === 0 } },
    });
    look("run", started.text);
    ids.push(started.json.execution_id);
    // The secret itself is refused, and not told again.
    const literal = await ask("POST", "/pipelines/run/demo.leaky", {
      headers,
      body: { params: { key: CANARIES.get(reference) } },
    });
    expect(literal.status).toBe(422);
    look("literal", literal.text);
    look(
      "dry run",
      (
        await ask("POST", "/pipelines/run/demo.leaky", {
          headers,
          body: { params: { key: reference }, dry_run: true },
        })
      ).text,
    );
  }
  for (const id of ids) {
    for (const path of [
      `/pipelines/status/${id}`,
      `/history/runs/${id}`,
      `/history/runs/${id}/logs`,
      `/history/runs/${id}/events`,
      `/history/runs/${id}/steps/leak/output`,
      `/pipelines/events/${id}`,
    ]) {
      const answer = await ask("GET", path, { headers });
      look(path, answer.text);
      for await (const part of answer.stream ?? []) look(path, part);
    }
  }
  look("list", (await ask("GET", "/history/runs", { headers, query: "pipeline=demo.leaky&limit=200" })).text);
  expect(leaks).toEqual([]);
  const logs = await ask("GET", `/history/runs/${ids[0]}/logs`, { headers });
  expect(logs.text).toContain("[redacted]");
});
