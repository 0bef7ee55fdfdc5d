// Requests made of the table's own schemas, and of what does not fit them: no answer of 500 or more, each as declared.

import fc from "fast-check";
import { type Spine, silentLogger } from "spine-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { insecureNoAuth } from "./auth/insecure-no-auth.ts";
import { createHandler, type SpineHandler } from "./handler.ts";
import type { AnyOperation } from "./operation.ts";
import { anyJson, arbitraryOf } from "./testing/arbitrary.ts";
import { type Asker, asker } from "./testing/ask.ts";
import { DATABASES, demoSpine, weeks } from "./testing/demo.ts";

/** 50,000 by `npm run proof -- --http`. */
const REQUESTS = Number(process.env.SPINE_HTTP_REQUESTS ?? 5_000);
/** A statement that a database refuses is found by few; each takes longer there. */
const OF: Readonly<Record<string, number>> = { SQLite: 0.8, Postgres: 0.2 };
const SEED = Number(process.env.SPINE_HTTP_SEED ?? 7);

describe.each(DATABASES)("%s", (name, open) => {
  const requests = REQUESTS * (OF[name] ?? 0);
  const runs: string[] = [];
  let spine: Spine;
  let handler: SpineHandler;
  let ask: Asker;
  const failures: unknown[] = [];

  beforeAll(async () => {
    spine = await demoSpine(await open());
    handler = createHandler(spine, {
      auth: insecureNoAuth(),
      partitions: [{ partitions: weeks, params: ({ week_start = "" }) => ({ week: week_start }) }],
      limits: { writesPerSecond: Number.POSITIVE_INFINITY, waitSeconds: 0.001, pingMs: 5 },
      logger: { ...silentLogger, error: (...line) => void failures.push(line) },
    });
    ask = asker(handler);
    await spine.schedules.create({
      name: "reports",
      workflow: "demo.hello",
      params: { name: "a" },
      cron: "0 3 * * *",
    });
    const made = [
      await spine.run("demo.hello", { name: "Ann" }),
      await spine.run("demo.rows", { week: "2025-01-06" }),
      await spine.run("demo.broken", {}),
      await spine.run("demo.nested", {}),
    ];
    for (const run of made) await run.result().catch(() => {});
    runs.push(...made.map(({ id }) => id), (await spine.run("demo.gated", {})).id);
  });
  afterAll(async () => {
    handler.close();
    await spine.stop();
  });

  test(
    `${requests} requests: none is answered 500 or more, and every answer is declared`,
    async () => {
      const statuses = new Map<number, number>();
      const rejected: unknown[] = [];
      const note = (reason: unknown) => void rejected.push(reason);
      process.on("unhandledRejection", note);
      const request = fc.oneof(...handler.operations.map((operation) => requestsOf(operation, runs)));
      await fc.assert(
        fc.asyncProperty(request, async ({ method, path, ...asked }) => {
          const leaving = new AbortController();
          const answer = await ask(method, path, { ...asked, signal: leaving.signal });
          statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
          const parts = answer.stream?.[Symbol.asyncIterator]();
          await parts?.next();
          leaving.abort();
          await parts?.return?.();
          // The server of the tests does not sync its files, and this is where that is said.
          if (path === "/health/ready") return;
          expect(answer.status, `${method} ${path} ${answer.text}`).toBeLessThan(500);
        }),
        { numRuns: requests, seed: SEED, endOnFailure: true },
      );
      process.off("unhandledRejection", note);
      expect(rejected).toEqual([]);
      expect(failures).toEqual([]);
      // They get somewhere: what is asked for is not only refused.
      for (const status of [200, 202, 400, 404, 409, 422])
        expect(statuses.get(status) ?? 0, String(status)).toBeGreaterThan(0);
    },
    60_000 + requests * 60,
  );
});

function requestsOf(
  operation: AnyOperation,
  runs: readonly string[],
): fc.Arbitrary<{
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly body: unknown;
  readonly headers: Readonly<Record<string, string | undefined>>;
}> {
  const names: Record<string, fc.Arbitrary<string>> = {
    id: fc.oneof({ weight: 4, arbitrary: fc.nat(9).map((index) => runs[index % runs.length] ?? "") }, odd),
    other: fc.nat(9).map((index) => runs[index % runs.length] ?? ""),
    name: fc.oneof(
      {
        weight: 4,
        arbitrary: fc.constantFrom("demo.hello", "demo.rows", "demo.nested", "demo.broken", "reports"),
      },
      odd,
    ),
    pipeline: fc.oneof(fc.constantFrom("demo.rows", "demo.hello"), odd),
    table: fc.oneof(fc.constant("http_trades"), odd),
    domain: odd,
    step: fc.oneof(
      { weight: 4, arbitrary: fc.constantFrom("clean", "fetch", "greet", "both/left", "load") },
      odd,
    ),
  };
  const wanted = [...operation.path.matchAll(/\{(\w+)\+?\}/g)].map(([, name = ""]) => name);
  const params = fc.record(Object.fromEntries(wanted.map((name) => [name, names[name] ?? odd])));
  const path = params.map((values) =>
    operation.path.replaceAll(/\{(\w+)(\+?)\}/g, (_, name: string, many: string) => {
      const value = (values as Record<string, string>)[name] ?? "";
      return many ? value.split("/").map(encodeURIComponent).join("/") : encodeURIComponent(value);
    }),
  );
  const fitting = operation.query
    ? arbitraryOf(operation.query).map((query) => textOf(query as object))
    : fc.constant("");
  const query = fc.oneof({ weight: 5, arbitrary: fitting }, { weight: 1, arbitrary: oddQuery });
  const good = operation.body ? arbitraryOf(operation.body) : fc.constant(undefined);
  const body = fc.oneof(
    { weight: 5, arbitrary: good },
    { weight: 2, arbitrary: anyJson.filter((value) => value !== undefined) },
    { weight: 1, arbitrary: fc.string() },
  );
  const headers = fc.record(
    {
      prefer: fc.constantFrom("wait=1", "wait=99999", "wait=x", "respond-async"),
      "idempotency-key": fc.oneof(fc.string({ maxLength: 300 }), fc.constantFrom("a", "b")),
      "if-match": fc.oneof(fc.constant("*"), fc.constant('"0123456789abcdef"'), fc.string()),
      "if-none-match": fc.oneof(fc.string(), fc.constant("*")),
      "last-event-id": fc.constantFrom("0", "3", "99999999", "x", "a:1.2"),
      accept: fc.constantFrom("*/*", "application/json", "text/event-stream", ""),
      "content-type": fc.constantFrom(
        "application/json",
        "application/json; charset=utf-8",
        "text/plain",
        "a/b",
      ),
    },
    { requiredKeys: [] },
  );
  return fc.record({ method: fc.constant(operation.method), path, query, body, headers });
}

const odd = fc.oneof(
  fc.constantFrom(
    "x",
    "..",
    "%",
    "__proto__",
    "01900000-0000-7000-8000-000000000000",
    "é",
    "a b",
    "a;b",
    "\0",
    "constructor",
  ),
  fc.string({ minLength: 1, maxLength: 30, unit: "grapheme" }),
);
const oddQuery = fc
  .array(
    fc.tuple(
      fc.constantFrom("limit", "cursor", "status", "q", "run", "__proto__", "x"),
      fc.string({ unit: "grapheme" }),
    ),
  )
  .map((pairs) => new URLSearchParams(pairs).toString());

function textOf(query: object): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query))
    for (const one of Array.isArray(value) ? value : [value]) search.append(name, String(one).toWellFormed());
  return search.toString();
}
