// Queues as a host sees them.

import {
  createSpine,
  type Database,
  defineWorkflow,
  type Hint,
  type Spine,
  type SpineOptions,
  silentLogger,
} from "spine-core";
import { overlay, type Place, TestClock } from "spine-core/testing";
import { describe, expect, onTestFinished, test } from "vitest";
import { PLACES } from "./testing/places.ts";

describe.each(PLACES)("%s", (_, open) => {
  async function start(place: Place, options: Partial<SpineOptions> = {}): Promise<Spine> {
    const spine = await createSpine({ database: place.database(), logger: silentLogger, ...options });
    onTestFinished(async () => {
      await spine.stop();
    });
    return spine;
  }

  const report = defineWorkflow({ name: "demo.report", queue: "reports" }).step("write", () => "done");
  const plain = defineWorkflow({ name: "demo.plain" }).step("write", () => "done");

  test("a start says where its run stands, and when it may begin", async () => {
    const clock = new TestClock();
    const spine = await start(await open(), { worker: false, clock });
    const runs = [
      await spine.run(report, {}, { priority: 7, concurrencyKey: "acme", delay: "30s" }),
      await spine.run(report, {}, { queue: "others" }),
      await spine.run(plain, {}, { startAt: new Date(clock.now() + 500) }),
    ];
    const records = await Promise.all(runs.map(async ({ id }) => (await spine.get(id)).run));
    expect(
      records.map((run) => [run.status, run.queue, run.priority, run.concurrencyKey, run.availableAt]),
    ).toEqual([
      ["PENDING", "reports", 7, "acme", "2026-01-05T09:00:30.000Z"],
      ["PENDING", "others", 0, null, "2026-01-05T09:00:00.000Z"],
      ["PENDING", null, 0, null, "2026-01-05T09:00:00.500Z"],
    ]);
    await expect(spine.run(plain, {}, { priority: 1_000 })).rejects.toMatchObject({
      code: "VALIDATION_FAILED",
    });
    expect((await spine.history.list({})).items).toHaveLength(3);
  });

  test("a run with a queue is claimed although there is room for it; one without starts at once", async () => {
    const spine = await start(await open());
    const queued = await spine.run(report, {});
    const inline = await spine.run(plain, {}, { priority: 5 });
    expect(await queued.result()).toEqual({ outputs: { write: "done" } });
    expect(await inline.result()).toEqual({ outputs: { write: "done" } });
    const reasons = await Promise.all(
      [queued, inline].map(async ({ id }) => (await spine.history.events(id))[1]?.data),
    );
    expect(reasons[0]).toMatchObject({ reason: "queued" });
    expect(reasons[1]).not.toHaveProperty("reason");
  });

  test("a run that is to begin later begins when the clock is there", async () => {
    const clock = new TestClock();
    const spine = await start(await open(), { clock });
    const run = await spine.run(plain, {}, { delay: "2h" });
    const result = run.result();
    clock.advance(7_199_999);
    await spine.queues.list();
    expect((await spine.get(run.id)).run.status).toBe("PENDING");
    clock.advance(1);
    expect(await result).toEqual({ outputs: { write: "done" } });
    expect((await spine.get(run.id)).run.startedAt).toBe("2026-01-05T11:00:00.000Z");
  });

  test("a pause holds runs back; its end lets them in at once, without a poll", async () => {
    // No time passes: what is not woken does not happen.
    const clock = new TestClock();
    const spine = await start(await open(), { clock });
    expect(await spine.queues.pause("reports")).toMatchObject({ paused: true, concurrency: null });
    const run = await spine.run(report, {});
    await expect.poll(() => spine.queues.get("reports")).toMatchObject({ waiting: 1, running: 0 });
    await spine.queues.resume("reports");
    await expect.poll(async () => (await spine.get(run.id)).run.status).toBe("COMPLETED");
    expect(await spine.queues.list()).toMatchObject([{ name: "reports", waiting: 0, running: 0 }]);
  });

  test("other processes are told that settings have changed", async () => {
    const told: Hint[] = [];
    const place = await open();
    const inner = place.database();
    const database: Database = overlay(inner, {
      async connect(options) {
        const stores = await inner.connect(options);
        return { ...stores, hints: overlay(stores.hints, { tell: (hint) => void told.push(hint) }) };
      },
    });
    const spine = await start(place, { database, worker: false });
    await spine.queues.set("reports", { concurrency: 3 });
    expect(told).toContainEqual({ work: true });
    told.length = 0;
    await expect(spine.queues.set("reports", { concurrency: 0 })).rejects.toMatchObject({
      code: "VALIDATION_FAILED",
    });
    expect(told).toEqual([]);
  });

  test("two processes together have no more runs at work than the queue's concurrency", async () => {
    const place = await open();
    let atWork = 0;
    let most = 0;
    const counted = defineWorkflow({ name: "demo.counted", queue: "few" }).step("work", async () => {
      atWork += 1;
      most = Math.max(most, atWork);
      await new Promise((resolve) => setTimeout(resolve, 5));
      atWork -= 1;
      return null;
    });
    const one = await start(place, { workflows: [counted] });
    const two = await start(place, { workflows: [counted] });
    await one.queues.set("few", { concurrency: 3 });
    const runs = await Promise.all(
      Array.from({ length: 12 }, (_each, index) => (index % 2 ? one : two).run(counted, {})),
    );
    // Each that ends makes room: whoever looks next finds it.
    const looking = setInterval(() => void one.queues.set("few", {}), 20);
    try {
      await Promise.all(runs.map((run) => run.result()));
    } finally {
      clearInterval(looking);
    }
    expect(most).toBe(3);
  });
});
