import { join } from "node:path";
import { memory } from "spine-adapters/databases";
import { createSpine, type Spine, silentLogger } from "spine-core";
import { createHandler, insecureNoAuth, type SpineHandler } from "spine-http";
import { createClient, SpineHttpError } from "spine-http/client";
import { build } from "vite";
import { afterAll, beforeAll, expect, expectTypeOf, test } from "vitest";
import { finraOperations } from "../http/finra-operations.ts";
import { finra } from "../plugin.ts";
import { type FinraServer, startFinraServer } from "../testing/server/finra-server.ts";
import { type FinraApi, finraApi } from "./index.ts";

let server: FinraServer;
let spine: Spine;
let handler: SpineHandler;
let api: FinraApi;

beforeAll(async () => {
  server = await startFinraServer({ symbols: 10, weeks: 8 });
  const local = { origin: "SAMPLE", baseUrl: server.url, allowPrivate: true };
  spine = await createSpine({
    database: memory(),
    plugins: [finra({ queryApi: local })],
    logger: silentLogger,
  });
  handler = createHandler(spine, {
    basePath: "/spine",
    auth: insecureNoAuth({ allowRemote: true }),
    operations: finraOperations(),
  });
  const ask: typeof fetch = (input, init) => handler.fetch(new Request(input as string, init));
  api = finraApi(createClient({ baseUrl: "http://localhost/spine", fetch: ask }));
});
afterAll(async () => {
  handler.close();
  await spine.stop();
  await server.close();
});

test("starts an ingest once for a key, follows it, and reads what it loaded", async () => {
  const week = { tier: "T1", week_ending: "2026-03-06" } as const;
  const request = { ...week, source: "SAMPLE" };
  const started = await api.ingest(request, { idempotencyKey: "once" });
  const again = await api.ingest(request, { idempotencyKey: "once" });
  expect(again).toMatchObject({ execution_id: started.execution_id, existing: true });
  await spine.attach(started.execution_id).then((run) => run.result());

  const status = await api.ingestStatus(started.execution_id);
  expect(status.status).toBe("COMPLETED");
  expect(status.steps.map(({ name }) => name)).toEqual(["fetch", "transform", "quality", "load", "summary"]);
  const { items, source } = await api.tradeActivity({ ...week, limit: 3 });
  expectTypeOf(items[0]?.shares).toEqualTypeOf<string | undefined>();
  expect([items.length, source]).toEqual([3, "SAMPLE"]);
  const totals = await api.week({ ...week, limit: 2 });
  expect(totals.top_venues).toHaveLength(2);
  const weeks = await api.weeks({ tier: "T1" });
  expect(weeks.items.map(({ shares }) => shares)).toEqual([totals.shares]);
});

test("lists the schedules of weeks, and runs one of them", async () => {
  const { items } = await api.schedules();
  expect(items.map(({ name }) => name)).toEqual([
    "finra.otc_transparency.otce",
    "finra.otc_transparency.t1",
    "finra.otc_transparency.t2",
  ]);
  const started = await api.runSchedule("finra.otc_transparency.t1");
  expect(started.pipeline).toBe("finra.otc_transparency.ingest_week");
});

test("says why something is refused", async () => {
  const refused = api.ingest({ tier: "T9" as "T1", week_ending: "2026-03-06" });
  await expect(refused).rejects.toBeInstanceOf(SpineHttpError);
  await expect(refused).rejects.toMatchObject({ code: "invalid-body" });
});

test("a browser gets neither zod nor anything of Node's or the engine's", async () => {
  const [bundle] = (await build({
    configFile: false,
    logLevel: "silent",
    resolve: { conditions: ["spine-source"] },
    build: { write: false, lib: { entry: join(import.meta.dirname, "index.ts"), formats: ["es"] } },
  })) as unknown as { readonly output: readonly { readonly code: string }[] }[];
  const code = bundle?.output[0]?.code ?? "";
  expect(code).toContain("/finra/ingest");
  expect(code).not.toMatch(/zod|node:|kysely|\bBuffer\b|\bimport\b|ValidationError/i);
  expect(code.length).toBeLessThan(2_000);
});
