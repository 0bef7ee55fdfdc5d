// HTTP sources in runs: waits that others ask for, budgets, sources that change, secrets.

import { type createSpine, defineWorkflow, type SpineOptions, secret, type WorkflowData } from "spine-core";
import { TestClock } from "spine-core/testing";
import { describe, expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import type { HttpRequest } from "./sources/http/http-request.ts";
import { httpSource } from "./sources/http/http-source.ts";
import type { HttpSourceOptions } from "./sources/http/http-source-options.ts";
import { type Answer, type Got, serve, someRows } from "./sources/testing/http-server.ts";
import { httpWorkflow } from "./testing/http-fetch-workflow.ts";
import { PLACES } from "./testing/places.ts";
import { startAt } from "./testing/start-spine.ts";

const WITHOUT_KEY: HttpSourceOptions = {
  paginate: { kind: "offset", limit: 10, total: { header: "Record-Total" } },
};
const PAGED: HttpSourceOptions = { ...WITHOUT_KEY, key: "id" };
const HOUR = 3_600_000;

/** Pages of rows, unless `instead` has another answer. */
function pagesOf(count: number, instead: (got: Got, page: number) => Answer | undefined = () => undefined) {
  return (got: Got): Answer => {
    const offset = Number(got.url.searchParams.get("offset"));
    const rows = someRows(Math.max(0, Math.min(10, count - offset)), offset);
    return instead(got, offset / 10 + 1) ?? { headers: { "record-total": String(count) }, body: rows };
  };
}

describe.each(PLACES)("%s", (_name, open) => {
  async function start({
    workflows,
    ...options
  }: Omit<SpineOptions, "database" | "workflows"> & { readonly workflows: readonly WorkflowData[] }) {
    const place = await open();
    onTestFinished(() => place.remove());
    return { place, spine: await startAt(place, workflows, options) };
  }
  type Spine = Awaited<ReturnType<typeof createSpine>>;
  const untilWaiting = (spine: Spine, runId: string, attempt: number) =>
    expect
      .poll(
        async () => {
          const { run, steps } = await spine.get(runId);
          const step = steps.findLast(({ name }) => name === "fetch");
          return `${run.status} ${step?.attempt} ${step?.retryAt === null}`;
        },
        { timeout: 10_000, interval: 5 },
      )
      .toBe(`WAITING ${attempt} false`);
  const loadedIn = async (spine: Spine) => {
    const rows = await spine.database.kysely.selectFrom("fetched_rows").select("id").execute();
    return rows.map(({ id }) => Number(id)).sort((a, b) => a - b);
  };
  const upTo = (count: number) => Array.from({ length: count }, (_none, index) => index);

  test("a 429 with an hour to wait frees the worker, and the run goes on at that page an hour later", async () => {
    const clock = new TestClock();
    let refused = false;
    const server = await serve(
      pagesOf(50, (_got, page) => {
        if (page !== 4 || refused) return undefined;
        refused = true;
        return { status: 429, headers: { "retry-after": "3600" } };
      }),
    );
    const flow = httpWorkflow(PAGED);
    const { spine } = await start({ workflows: [flow], clock });
    const run = await spine.run(flow, { url: server.url });
    await untilWaiting(spine, run.id, 1);
    const [step] = (await spine.get(run.id)).steps;
    expect(step?.error).toMatchObject({ code: "RATE_LIMITED", category: "RATE_LIMIT", retry_after_ms: HOUR });
    expect(Date.parse(step?.retryAt ?? "") - clock.now()).toBe(HOUR);
    clock.advance(HOUR - 1);
    expect((await spine.get(run.id)).run.status).toBe("WAITING");
    clock.advance(1);
    await run.result();
    expect(await loadedIn(spine)).toEqual(upTo(50));
    expect(server.got.map(({ url }) => Number(url.searchParams.get("offset")))).toEqual([
      0, 10, 20, 30, 30, 40,
    ]);
  });

  test("a budget that is used up is waited for as often as it takes, and is no failure", async () => {
    const clock = new TestClock();
    const server = await serve(pagesOf(60));
    // A single attempt may fail: none does.
    const flow = httpWorkflow({ ...PAGED, rate: { limit: 2, perMs: 2 * HOUR } }, 1);
    const { spine, place } = await start({ workflows: [flow], clock });
    const run = await spine.run(flow, { url: server.url });
    for (let attempt = 1; attempt <= 5; attempt += 1) {
      await untilWaiting(spine, run.id, attempt);
      expect(server.got).toHaveLength(attempt);
      const step = (await spine.get(run.id)).steps.findLast(({ name }) => name === "fetch");
      expect(step?.error).toMatchObject({ code: "RATE_BUDGET_USED", retry_after_ms: HOUR });
      if (attempt === 3) {
        // Another process has the same budget and knows what is left of it.
        const other = place.database();
        const { budgets } = await other.connect({ clock });
        expect(await budgets.take({ name: "http", limit: 2, perMs: 2 * HOUR, upToMs: 0 })).toBe(HOUR);
        await other.close();
      }
      clock.advance(HOUR);
    }
    await run.result();
    expect(await loadedIn(spine)).toEqual(upTo(60));
  });

  test("asking whether anything is new takes its place in the budget, and is not done again after the wait", async () => {
    const clock = new TestClock();
    const server = await serve(({ headers }) =>
      headers["if-none-match"] === '"1"' ? { status: 304 } : { headers: { etag: '"1"' }, body: someRows(3) },
    );
    const flow = defineWorkflow({ name: "demo.probe" }).fetch("fetch", {
      from: httpSource({ allowPrivate: true, rate: { name: "probe", limit: 2, perMs: 2 * HOUR } }),
      request: () => ({ url: server.url }),
      unchanged: "end",
      retry: { attempts: 1 },
    });
    const { spine } = await start({ workflows: [flow], clock });
    const run = await spine.run(flow, {});
    await untilWaiting(spine, run.id, 1);
    // The page: another hour would pass for each time that it is asked once more.
    expect(server.got).toHaveLength(1);
    clock.advance(HOUR);
    expect((await run.result()).outputs.fetch?.rows).toBe(3);
    expect(server.got).toHaveLength(2);
    const second = await spine.run(flow, {});
    await untilWaiting(spine, second.id, 1);
    expect(server.got).toHaveLength(2);
    clock.advance(HOUR);
    await second.result();
    expect((await spine.get(second.id)).steps.at(-1)).toMatchObject({ status: "SKIPPED" });
    expect(server.got).toHaveLength(3);
  });

  test("a total that changes while it is read is read again from its start, and nothing of the first time is left", async () => {
    let asked = 0;
    const server = await serve((got) => pagesOf(++asked > 3 ? 43 : 40)(got));
    const flow = httpWorkflow(PAGED);
    const { spine } = await start({ workflows: [flow] });
    const run = await spine.run(flow, { url: server.url });
    await run.result();
    expect(await loadedIn(spine)).toEqual(upTo(43));
    const offsets = server.got.map(({ url }) => Number(url.searchParams.get("offset")));
    expect(offsets).toEqual([0, 10, 20, 30, 0, 10, 20, 30, 40]);
  });

  test.each([
    ["with a key", PAGED],
    ["without one", WITHOUT_KEY],
  ])("rows in another order after a resume are read again from their start, %s", async (_, paged) => {
    let isDown = true;
    let order = someRows(100);
    const server = await serve(({ url }) => {
      const offset = Number(url.searchParams.get("offset"));
      if (offset === 50 && isDown) {
        isDown = false;
        order = [...order.slice(37), ...order.slice(0, 37)];
        return { status: 503 };
      }
      return { headers: { "record-total": "100" }, body: order.slice(offset, offset + 10) };
    });
    const flow = httpWorkflow(paged);
    const { spine } = await start({ workflows: [flow] });
    await (await spine.run(flow, { url: server.url })).result();
    expect(await loadedIn(spine)).toEqual(upTo(100));
  });

  test("rows that are the same mean no other order, and a resume goes on at its page", async () => {
    let isDown = true;
    const offsets: number[] = [];
    const server = await serve(({ url }) => {
      const offset = Number(url.searchParams.get("offset"));
      offsets.push(offset);
      if (offset === 50 && isDown) {
        isDown = false;
        return { status: 503 };
      }
      const rows = Array.from({ length: 100 }, (_none, index) => ({ grade: index % 7 }));
      return { headers: { "record-total": "100" }, body: rows.slice(offset, offset + 10) };
    });
    const flow = defineWorkflow({ name: "demo.same" }).fetch("fetch", {
      from: httpSource({ ...WITHOUT_KEY, allowHosts: ["127.0.0.1"] }),
      request: () => ({ url: server.url }),
      retry: { attempts: 3, delay: 1 },
    });
    const { spine } = await start({ workflows: [flow] });
    const { outputs } = await (await spine.run(flow, {})).result();
    expect(outputs.fetch.rows).toBe(100);
    expect(offsets).toEqual([0, 10, 20, 30, 40, 50, 50, 60, 70, 80, 90]);
  });

  test("secrets of parameters stand in no error, cursor or log, whoever repeats them", async () => {
    const canary = "canary-7f3a9c";
    process.env.SPINE_TEST_CANARY = canary;
    onTestFinished(() => void delete process.env.SPINE_TEST_CANARY);
    const server = await serve((got) => {
      const key = got.url.searchParams.get("key");
      const page = Number(got.url.searchParams.get("page") ?? 1);
      if (page === 3) return { status: 400, body: { message: `key ${key} may not`, got: got.url.href } };
      return { body: { rows: someRows(2, page * 2), next: `/?page=${page + 1}&key=${key}` } };
    });
    const source = httpSource({
      allowHosts: ["127.0.0.1"],
      rows: "rows",
      paginate: { kind: "json-link", next: "next" },
    });
    const flow = defineWorkflow({ name: "demo.secret", params: z.object({ key: secret() }) }).fetch("fetch", {
      from: source,
      request: ({ params }) =>
        ({
          url: server.url,
          auth: { kind: "key", key: () => params.key, query: "key" },
        }) satisfies HttpRequest,
    });
    const { spine, place } = await start({ workflows: [flow] });
    const run = await spine.run(flow, { key: "env:SPINE_TEST_CANARY" });
    await expect(run.result()).rejects.toMatchObject({ code: "SOURCE_REFUSED" });
    // Each page was asked with the key, though no cursor has it.
    expect(server.got.map(({ url }) => url.searchParams.get("key"))).toEqual([canary, canary, canary]);
    const [, schema] = place.address;
    const datasets = schema === undefined ? "datasets" : `${schema}.datasets`;
    const cursors = await spine.database.kysely.selectFrom(datasets).select("cursor").execute();
    const told = JSON.stringify([await spine.get(run.id), await spine.logs.read(run.id), cursors]);
    expect(told).toContain("page=3");
    expect(told).not.toContain(canary);
  });
});
