import { expect } from "vitest";
import type { QueueSettings } from "../history/queue-store.ts";
import { committed } from "./history-samples.ts";
import { claim, enqueue, leave, QUEUE, times } from "./queue-samples.ts";
import type { Check } from "./suite.ts";

/** How many runs of a queue are at work. */
export function queueLimitTests(check: Check): void {
  check("claims nothing of a paused queue, and everything again", async (context) => {
    const { history, queues } = context.stores;
    await queues.set(QUEUE, { paused: true });
    const ids = await enqueue(context, times(2));
    const [free] = await enqueue(context, [{ queue: null, availableAt: context.clock.now() }]);
    await enqueue(context, [{ availableAt: context.clock.now() + 1_000 }]);
    expect(await claim(history)).toMatchObject({ ids: [free], nextAt: null });
    expect(await claim(history)).toMatchObject({ ids: [], nextAt: null });
    await queues.set(QUEUE, { paused: false });
    expect(await claim(history)).toMatchObject({ ids, nextAt: context.clock.now() + 1_000 });
  });

  check("lets runs of a paused queue go on that are at work, and no run that waited", async (context) => {
    const { history, queues } = context.stores;
    const [runId = ""] = await enqueue(context, [{}]);
    await claim(history);
    await queues.set(QUEUE, { paused: true });
    await leave(history, runId, "WAITING", context.clock.now());
    expect(await claim(history)).toMatchObject({ ids: [], nextAt: null });
    await queues.set(QUEUE, { paused: false });
    expect((await claim(history)).ids).toEqual([runId]);
  });

  check("has no more runs at work than the queue's concurrency", async (context) => {
    const { history, queues } = context.stores;
    await queues.set(QUEUE, { concurrency: 2 });
    const ids = await enqueue(context, times(4));
    expect(await claim(history, "a", { limit: 1 })).toMatchObject({
      ids: ids.slice(0, 1),
      nextAt: context.clock.now() - 3,
    });
    expect(await claim(history, "b")).toMatchObject({ ids: ids.slice(1, 2), nextAt: null });
    expect(await claim(history, "a")).toMatchObject({ ids: [], nextAt: null });
    await leave(history, ids[0] ?? "");
    expect(await claim(history, "b")).toMatchObject({ ids: ids.slice(2, 3), nextAt: null });
    await leave(history, ids[1] ?? "", "WAITING", context.clock.now() + 500);
    await leave(history, ids[2] ?? "", "FAILED");
    expect(await claim(history, "b")).toMatchObject({ ids: ids.slice(3), nextAt: context.clock.now() + 500 });
    context.clock.advance(500);
    expect((await claim(history, "b")).ids).toEqual([ids[1]]);
  });

  check("has no more runs at work in one worker than its concurrency there", async (context) => {
    const { history, queues } = context.stores;
    await queues.set(QUEUE, { workerConcurrency: 2 });
    const ids = await enqueue(context, times(5));
    expect(await claim(history, "a")).toMatchObject({ ids: ids.slice(0, 2), nextAt: null });
    expect(await claim(history, "a")).toMatchObject({ ids: [], nextAt: null });
    expect(await claim(history, "b")).toMatchObject({ ids: ids.slice(2, 4), nextAt: null });
    await leave(history, ids[0] ?? "");
    expect((await claim(history, "b")).ids).toEqual([]);
    expect((await claim(history, "a")).ids).toEqual(ids.slice(4));
  });

  check("has no more runs at work with one key than the key's concurrency", async (context) => {
    const { history, queues } = context.stores;
    await queues.set(QUEUE, { keyConcurrency: 1 });
    const ids = await enqueue(context, [
      ...times(3, { concurrencyKey: "a" }),
      { concurrencyKey: "b" },
      ...times(2),
    ]);
    const [a1, a2, a3, b, ...unkeyed] = ids;
    expect(await claim(history, "v")).toMatchObject({ ids: [a1, b, ...unkeyed], nextAt: null });
    expect(await claim(history, "w")).toMatchObject({ ids: [], nextAt: null });
    await leave(history, a1 ?? "");
    expect(await claim(history, "w")).toMatchObject({ ids: [a2], nextAt: null });
    await leave(history, a2 ?? "");
    expect(await claim(history, "w")).toMatchObject({ ids: [a3], nextAt: null });
  });

  check("does not let one key stand in the way of others", async (context) => {
    const { history, queues } = context.stores;
    await queues.set(QUEUE, { keyConcurrency: 2, concurrency: 10 });
    const flood = await enqueue(context, times(300, { concurrencyKey: "flood" }));
    context.clock.advance(10);
    const others = await enqueue(
      context,
      ["x", "y", "y", "y", "z"].map((concurrencyKey, index) => ({
        concurrencyKey,
        availableAt: context.clock.now() - 5 + index,
        // One in another line, the others behind the flood in its own.
        priority: concurrencyKey === "z" ? -1 : 0,
      })),
    );
    const [x, y1, y2, , z] = others;
    const first = await claim(history, "v", { limit: 3 });
    expect(first.ids).toEqual([...flood.slice(0, 2), x]);
    expect(first.nextAt).toBeLessThanOrEqual(context.clock.now());
    expect(await claim(history, "w")).toMatchObject({ ids: [y1, y2, z], nextAt: null });
  });

  check("keeps to all limits at once", async (context) => {
    const { history, queues } = context.stores;
    const rateLimit = { runs: 4, periodMs: 1_000 };
    await queues.set(QUEUE, { concurrency: 5, workerConcurrency: 3, keyConcurrency: 2, rateLimit });
    const ids = await enqueue(context, [...times(3, { concurrencyKey: "a" }), ...times(6)]);
    expect(await claim(history, "v")).toMatchObject({ ids: [ids[0], ids[1], ids[3]], nextAt: null });
    const later = context.clock.now() + 1_000;
    expect(await claim(history, "w")).toMatchObject({ ids: [ids[4]], nextAt: later });
    context.clock.advance(1_000);
    expect(await claim(history, "w")).toMatchObject({ ids: [ids[5]], nextAt: null });
    await leave(history, ids[0] ?? "");
    expect((await claim(history, "v")).ids).toEqual([ids[2]]);
  });

  check("heeds limits that are changed while runs are at work", async (context) => {
    const { history, queues } = context.stores;
    const ids = await enqueue(context, times(8));
    expect((await claim(history, "w", { limit: 4 })).ids).toHaveLength(4);
    await queues.set(QUEUE, { concurrency: 2 });
    for (const runId of ids.slice(0, 2)) await leave(history, runId);
    expect(await claim(history)).toMatchObject({ ids: [], nextAt: null });
    await leave(history, ids[2] ?? "");
    expect((await claim(history)).ids).toEqual(ids.slice(4, 5));
    await queues.set(QUEUE, { concurrency: 3 });
    expect((await claim(history)).ids).toEqual(ids.slice(5, 6));
    await queues.set(QUEUE, { concurrency: null });
    expect((await claim(history)).ids).toEqual(ids.slice(6));
  });

  check("never says when a run is due that cannot be let in", async (context) => {
    const { history, queues } = context.stores;
    const { clock } = context;
    const settings: readonly Partial<QueueSettings>[] = [
      { concurrency: 1 },
      { workerConcurrency: 1 },
      { keyConcurrency: 1 },
      { paused: true },
    ];
    for (const [index, change] of settings.entries()) {
      const queue = `q${index}`;
      await enqueue(context, [{ queue, concurrencyKey: "k" }]);
      expect((await claim(history)).ids).toHaveLength(1);
      await queues.set(queue, change);
      await enqueue(context, [
        { queue, concurrencyKey: "k" },
        { queue, concurrencyKey: "k", availableAt: clock.now() + 50 },
        { queue, concurrencyKey: "k", availableAt: clock.now() + 70, priority: 50 },
      ]);
    }
    expect(await claim(history)).toMatchObject({ ids: [], nextAt: null });
    await enqueue(context, [
      { queue: "q2", concurrencyKey: "other", availableAt: clock.now() + 90 },
      { queue: "q2", availableAt: clock.now() + 95 },
    ]);
    expect(await claim(history)).toMatchObject({ ids: [], nextAt: clock.now() + 90 });
  });

  check("claims nothing where there is no place for any run", async (context) => {
    const { history, queues } = context.stores;
    await queues.set(QUEUE, { concurrency: 1 });
    await enqueue(context, times(2));
    expect(await history.claim({ worker: "w", workflows: ["demo"], limit: 0 })).toEqual({
      runs: [],
      nextAt: null,
    });
    expect(await history.claim({ worker: "w", workflows: [], limit: 5 })).toEqual({ runs: [], nextAt: null });
  });

  check("frees the place of a run that is cancelled, or given back", async (context) => {
    const { history, queues } = context.stores;
    await queues.set(QUEUE, { concurrency: 1 });
    const [first = "", second = "", third = ""] = await enqueue(context, times(3));
    await claim(history);
    const change = { status: "CANCELLED" } as const;
    await committed(history, { kind: "control", runId: first, from: ["RUNNING"], change, reason: "test" });
    expect((await claim(history)).ids).toEqual([second]);
    await history.beat("w", "gone");
    expect((await claim(history, "v")).ids).toEqual([third]);
    await leave(history, third);
    expect((await claim(history, "v")).ids).toEqual([second]);
  });

  check("holds its limits when two processes claim at the same time", async (context) => {
    const other = (await context.again?.()) ?? context;
    try {
      const { queues } = context.stores;
      await queues.set("a", { concurrency: 3 });
      await queues.set("b", { keyConcurrency: 1 });
      await queues.set("c", { rateLimit: { runs: 2, periodMs: 60_000 } });
      const made = [
        ...times(20, { queue: "a" }),
        ...times(20, { queue: "b", concurrencyKey: "k" }),
        ...times(20, { queue: "c" }),
      ];
      await enqueue(context, made);
      const looks = Array.from({ length: 12 }, (_, index) =>
        claim((index % 2 ? other : context).stores.history, `w${index}`, { limit: 5 }),
      );
      const runs = (await Promise.all(looks)).flatMap((each) => each.runs);
      for (let look = 0; look < 3; look += 1) runs.push(...(await claim(other.stores.history, "last")).runs);
      const of = (queue: string) => runs.filter(({ run }) => run.queue === queue).length;
      expect({ a: of("a"), b: of("b"), c: of("c") }).toEqual({ a: 3, b: 1, c: 2 });
    } finally {
      if (other !== context) await other.close();
    }
  });

  check("takes over the runs of a worker that died, whatever the limits are", async (context) => {
    const other = await context.again?.();
    if (!other) throw new Error("This test needs `again`; skip it with the reason where there is none.");
    try {
      const { history, queues } = context.stores;
      const ids = await enqueue(context, times(4, { concurrencyKey: "k" }));
      expect((await claim(other.stores.history, "dying", { limit: 3 })).ids).toHaveLength(3);
      const rateLimit = { runs: 1, periodMs: 1_000 };
      await queues.set(QUEUE, {
        concurrency: 1,
        workerConcurrency: 1,
        keyConcurrency: 1,
        rateLimit,
        paused: true,
      });
      await history.beat("w", "alive");
      await other.close();
      const taken = await claim(history, "w", { limit: 2 });
      expect(taken.ids).toEqual(
        [...ids]
          .sort()
          .slice(0, 3)
          .filter((id) => taken.ids.includes(id)),
      );
      expect(taken.ids).toHaveLength(2);
      await queues.set(QUEUE, { paused: false });
      expect((await claim(history, "w")).ids).toHaveLength(1);
      // They hold their places: nobody comes in beside them.
      expect(await claim(history, "v")).toMatchObject({ ids: [], nextAt: null });
    } finally {
      await other.close();
    }
  });
}
