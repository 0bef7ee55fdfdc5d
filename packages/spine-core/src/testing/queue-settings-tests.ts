import { expect } from "vitest";
import { OPEN_QUEUE, type QueueSettings } from "../history/queue-store.ts";
import { claim, enqueue, QUEUE, times } from "./queue-samples.ts";
import type { Check } from "./suite.ts";

const AT = "2026-01-05T09:00:00.000Z";

/** What is known of queues, and what is refused. */
export function queueSettingsTests(check: Check): void {
  check("knows a queue once its settings were set", async ({ stores: { queues }, clock }) => {
    expect(await queues.get(QUEUE)).toBeUndefined();
    expect(await queues.list()).toEqual([]);
    const made = await queues.set(QUEUE, {});
    expect(made).toEqual({ name: QUEUE, ...OPEN_QUEUE, updatedAt: AT });
    clock.advance(1_000);
    const rateLimit = { runs: 7, periodMs: 60_000 };
    const changed = await queues.set(QUEUE, { concurrency: 5, rateLimit });
    const settings = { ...OPEN_QUEUE, concurrency: 5, rateLimit };
    expect(changed).toEqual({ name: QUEUE, ...settings, updatedAt: "2026-01-05T09:00:01.000Z" });
    expect(await queues.get(QUEUE)).toEqual({ ...changed, waiting: 0, running: 0, oldestDueAt: null });
  });

  check("changes what is given and keeps the rest", async ({ stores: { queues } }) => {
    const all: QueueSettings = {
      paused: true,
      concurrency: 4,
      workerConcurrency: 3,
      keyConcurrency: 2,
      rateLimit: { runs: 1, periodMs: 1 },
    };
    await queues.set(QUEUE, all);
    expect(await queues.set(QUEUE, { keyConcurrency: null, paused: false })).toMatchObject({
      ...all,
      keyConcurrency: null,
      paused: false,
    });
    const nothing = { concurrency: undefined } as unknown as Partial<QueueSettings>;
    expect(await queues.set(QUEUE, nothing)).toMatchObject({ concurrency: 4 });
    expect(await queues.set(QUEUE, { ...OPEN_QUEUE })).toMatchObject(OPEN_QUEUE);
  });

  check("keeps all of what is changed at the same time", async (context) => {
    const other = (await context.again?.()) ?? context;
    try {
      const { queues } = context.stores;
      await Promise.all([
        queues.set(QUEUE, { concurrency: 4 }),
        other.stores.queues.set(QUEUE, { keyConcurrency: 2 }),
        queues.set(QUEUE, { paused: true }),
        other.stores.queues.set(QUEUE, { workerConcurrency: 3 }),
      ]);
      const all = { concurrency: 4, workerConcurrency: 3, keyConcurrency: 2, paused: true };
      expect(await queues.get(QUEUE)).toMatchObject(all);
    } finally {
      if (other !== context) await other.close();
    }
  });

  check("lists queues by name, with what waits and what is at work", async (context) => {
    const { queues, history } = context.stores;
    const { clock } = context;
    for (const name of ["b", "B", "a.1", "empty"]) await queues.set(name, {});
    await enqueue(context, [
      { queue: "b", availableAt: clock.now() - 5_000 },
      { queue: "b", availableAt: clock.now() - 9_000, priority: -5 },
      { queue: "b", availableAt: clock.now() + 1, priority: 5 },
      { queue: "b", workflow: "unknown", availableAt: clock.now() },
      { queue: "a.1", concurrencyKey: "k" },
      { queue: "nobody's", availableAt: 0 },
      { queue: null, availableAt: 0 },
    ]);
    await claim(history, "w", { limit: 1 });
    const listed = await queues.list();
    expect(listed.map(({ name, waiting, running }) => [name, waiting, running])).toEqual([
      ["B", 0, 0],
      ["a.1", 1, 0],
      ["b", 3, 0],
      ["empty", 0, 0],
    ]);
    expect(listed[2]?.oldestDueAt).toBe("2026-01-05T08:59:51.000Z");
    // Among those without a queue's settings were the two that were due the longest.
    await claim(history, "w", { limit: 2 });
    expect(await queues.get("b")).toMatchObject({ waiting: 2, running: 1 });
  });

  check("does not count on and on", async (context) => {
    const { queues, history } = context.stores;
    await queues.set(QUEUE, { paused: true });
    for (let batch = 0; batch < 11; batch += 1) await enqueue(context, times(1_000));
    expect(await queues.get(QUEUE)).toMatchObject({ waiting: 10_000, running: 0 });
    expect((await claim(history)).ids).toEqual([]);
  });

  check("refuses settings that mean nothing, and says which", async ({ stores: { queues } }) => {
    const refused = async (name: unknown, change: unknown, path: string) => {
      const setting = queues.set(name as string, change as Partial<QueueSettings>);
      await expect(setting, JSON.stringify([name, change])).rejects.toMatchObject({
        code: "VALIDATION_FAILED",
        detail: { issues: [{ path }] },
      });
    };
    for (const name of ["", "a b", "ä", "a/b", "x".repeat(101), 7, null, undefined]) {
      await refused(name, {}, "/queue");
      await expect(queues.get(name as string), String(name)).rejects.toMatchObject({
        code: "VALIDATION_FAILED",
        detail: { issues: [{ path: "/queue" }] },
      });
    }
    for (const field of ["concurrency", "workerConcurrency", "keyConcurrency"]) {
      for (const value of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, "3", true]) {
        await refused(QUEUE, { [field]: value }, `/${field}`);
      }
    }
    await refused(QUEUE, { paused: 1 }, "/paused");
    await refused(QUEUE, { paused: null }, "/paused");
    await refused(QUEUE, { rateLimit: 5 }, "/rateLimit");
    for (const value of [0, -1, 0.5, "1", undefined]) {
      await refused(QUEUE, { rateLimit: { runs: value, periodMs: 1 } }, "/rateLimit/runs");
      await refused(QUEUE, { rateLimit: { runs: 1, periodMs: value } }, "/rateLimit/periodMs");
    }
    await refused(QUEUE, { rateLimit: [1, 1] }, "/rateLimit");
    await refused(QUEUE, { rateLimit: { runs: 1, periodMs: 1, perMs: 1 } }, "/rateLimit/perMs");
    await refused(QUEUE, { concurency: 5 }, "/concurency");
    await refused(QUEUE, [], "/");
    await refused(QUEUE, null, "/");
    expect(await queues.list()).toEqual([]);
    const longest = "aZ9._-".padEnd(100, "x");
    expect(await queues.set(longest, { concurrency: 1 })).toMatchObject({ name: longest });
  });
}
