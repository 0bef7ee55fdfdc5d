// Waiting for runs and looking at them, here and in another process; many starts at once.

import { createSpine, defineWorkflow, newId, type RunDetail, SpineError, silentLogger } from "spine-core";
import { describe, expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { PLACES, type SharedPlace } from "./testing/places.ts";

const gates = new Map<string, PromiseWithResolvers<void>>();
const gate = (id: string) => {
  const known = gates.get(id) ?? Promise.withResolvers<void>();
  gates.set(id, known);
  return known;
};
const flow = defineWorkflow({ name: "demo.gated", params: z.object({ id: z.string() }) })
  .step("first", () => 1)
  .step("gated", async ({ params, signal }) => {
    signal.addEventListener("abort", () => gate(`${params.id} aborted`).resolve(), { once: true });
    await gate(params.id).promise;
    return 2;
  })
  .step("last", () => 3);

describe.each(PLACES)("%s", (_name, open) => {
  async function start(worker: boolean, place: SharedPlace) {
    const spine = await createSpine({
      database: place.database(),
      workflows: [flow],
      worker,
      logger: silentLogger,
    });
    onTestFinished(() => spine.stop());
    return spine;
  }
  async function place() {
    const opened = await open();
    onTestFinished(() => opened.remove());
    return opened;
  }

  describe("watch", () => {
    test("shows the run as it stands, its changes, and its end, then ends itself", async () => {
      const spine = await start(true, await place());
      const id = newId();
      const run = await spine.run(flow, { id });
      const seen: RunDetail[] = [];
      for await (const detail of run.watch()) {
        seen.push(detail);
        if (detail.steps.some(({ name, status }) => name === "gated" && status === "RUNNING"))
          gate(id).resolve();
      }
      expect(seen.at(-1)?.run.status).toBe("COMPLETED");
      const versions = seen.map(({ run: { version } }) => version);
      expect(versions).toEqual([...new Set(versions)].sort((a, b) => a - b));
      expect(seen.length).toBeGreaterThan(1);
      const again: RunDetail[] = [];
      for await (const detail of run.watch()) again.push(detail);
      expect(again.map(({ run: { version } }) => version)).toEqual([versions.at(-1)]);
    });

    test("from a process that does not work itself, and so does its result", async () => {
      const shared = await place();
      const looker = await start(false, shared);
      const id = newId();
      const run = await looker.run(flow, { id });
      const result = run.result();
      const statuses: string[] = [];
      const watched = (async () => {
        for await (const { run: now } of run.watch()) statuses.push(now.status);
      })();
      await expect.poll(() => statuses).toEqual(["PENDING"]);
      await start(true, shared);
      await expect.poll(() => statuses.at(-1)).toBe("RUNNING");
      gate(id).resolve();
      await watched;
      expect(statuses.at(-1)).toBe("COMPLETED");
      expect(await result).toEqual({ outputs: { first: 1, gated: 2, last: 3 } });
    });

    test("ends with the process: who waits is told", async () => {
      const spine = await start(false, await place());
      const run = await spine.run(flow, { id: newId() });
      const result = run.result();
      const watched = (async () => {
        for await (const _ of run.watch());
      })();
      const outcomes = Promise.allSettled([result, watched]);
      await new Promise((resolve) => setTimeout(resolve, 20));
      await spine.stop();
      for (const outcome of await outcomes) {
        expect(outcome).toMatchObject({ status: "rejected", reason: { code: "STOPPED" } });
      }
      await expect(run.result()).rejects.toMatchObject({ code: "STOPPED" });
    });
  });

  test("a stop waits for a start under way, and nothing starts after it", async () => {
    const shared = await place();
    const spine = await start(false, shared);
    const starting = spine.start();
    await Promise.all([starting, spine.stop()]);
    await expect(spine.start()).rejects.toMatchObject({ code: "STOPPED" });
    const next = await start(true, shared);
    expect((await next.diagnose()).checks.find(({ name }) => name === "workers")?.data).toEqual({ alive: 1 });
  });

  test("a step learns by its signal that another process cancelled its run", async () => {
    const shared = await place();
    const worker = await start(true, shared);
    const other = await start(false, shared);
    const id = newId();
    const run = await worker.run(flow, { id });
    await expect.poll(async () => (await other.get(run.id)).steps.length).toBe(2);
    await other.cancel(run.id);
    await gate(`${id} aborted`).promise;
    await expect(run.result()).rejects.toMatchObject({ code: "RUN_CANCELLED" });
  });

  describe("many runs at once", () => {
    const plain = defineWorkflow({ name: "demo.plain", params: z.object({ n: z.number() }) }).step(
      "double",
      ({ params }) => params.n * 2,
    );

    test("are stored in the order given and all complete", async () => {
      const spine = await start(true, await place());
      const runs = await spine.runMany(
        plain,
        Array.from({ length: 250 }, (_, n) => ({ params: { n }, tags: [`n${n}`] })),
      );
      const results = await Promise.all(runs.map((run) => run.result()));
      expect(results.map(({ outputs }) => outputs.double)).toEqual(
        Array.from({ length: 250 }, (_, n) => n * 2),
      );
      expect((await spine.get(runs[7]?.id ?? "")).run.tags).toEqual(["n7"]);
      expect(await spine.runMany(plain, [])).toEqual([]);
    });

    test("when the parameters of one do not fit, none is stored", async () => {
      const spine = await start(true, await place());
      const items = [{ params: { n: 1 } }, { params: { n: "two" as never } }];
      const refused = await spine.runMany(plain, items).catch((error: unknown) => error);
      expect(refused).toBeInstanceOf(SpineError);
      expect(refused).toMatchObject({ category: "VALIDATION", context: { item: 1 } });
      expect((await spine.history.list({ workflow: plain.name })).items).toEqual([]);
    });

    test("finds those that exist by their keys; a key with other parameters is told after the others are stored", async () => {
      const spine = await start(false, await place());
      const first = await spine.run(plain, { n: 1 }, { key: "one" });
      const [again, fresh] = await spine.runMany(plain, [
        { params: { n: 1 }, key: "one" },
        { params: { n: 2 }, key: "two" },
      ]);
      expect(again).toMatchObject({ id: first.id, existing: true });
      expect(fresh?.existing).toBe(false);
      await expect(
        spine.runMany(plain, [
          { params: { n: 3 }, key: "one" },
          { params: { n: 3 }, key: "three" },
        ]),
      ).rejects.toMatchObject({ code: "KEY_REUSED", context: { item: 0, runId: first.id } });
      expect((await spine.history.list({ workflow: plain.name })).items.map(({ key }) => key).sort()).toEqual(
        ["one", "three", "two"],
      );
    });
  });
});
