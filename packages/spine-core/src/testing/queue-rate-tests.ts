import { expect } from "vitest";
import { claim, enqueue, leave, QUEUE, times } from "./queue-samples.ts";
import type { Check } from "./suite.ts";

/** How many runs of a queue begin within a stretch of time. */
export function queueRateTests(check: Check): void {
  check("lets in no more first beginnings than fit into any stretch of the period", async (context) => {
    const { clock } = context;
    const { history, queues } = context.stores;
    const rateLimit = { runs: 3, periodMs: 1_000 };
    await queues.set(QUEUE, { rateLimit });
    await enqueue(context, times(30));
    const began: number[] = [];
    const start = clock.now();
    let spins = 0;
    // Uneven steps, and always at the time that the last look named.
    for (const step of [0, 100, 250, 0, 400, 999, 1, 333, 700, 1, 50]) {
      clock.advance(step);
      const { ids, nextAt } = await claim(history, "w", { limit: 2 });
      for (const _ of ids) began.push(clock.now());
      if (ids.length === 2) continue;
      expect(nextAt).toBeGreaterThan(clock.now());
      clock.advance((nextAt ?? 0) - clock.now());
      const due = await claim(history, "w", { limit: 2 });
      if (due.ids.length === 0) spins += 1;
      for (const _ of due.ids) began.push(clock.now());
    }
    expect(spins).toBe(0);
    for (const at of began) {
      const inWindow = began.filter((other) => other >= at && other < at + rateLimit.periodMs);
      expect(
        inWindow.length,
        `from ${at - start}: ${began.map((each) => each - start).join(" ")}`,
      ).toBeLessThanOrEqual(3);
    }
    expect(began.length).toBeGreaterThan(12);
  });

  check("names the time at which the next run may begin, and no earlier one", async (context) => {
    const { clock } = context;
    const { history, queues } = context.stores;
    await queues.set(QUEUE, { rateLimit: { runs: 2, periodMs: 1_000 } });
    const start = clock.now();
    const ids = await enqueue(context, times(3));
    await enqueue(context, [{ availableAt: start + 10, priority: 5 }]);
    expect((await claim(history, "w", { limit: 1 })).ids).toEqual(ids.slice(0, 1));
    clock.advance(5);
    expect(await claim(history)).toMatchObject({ ids: ids.slice(1, 2), nextAt: start + 1_000 });
    clock.advance(994);
    expect(await claim(history)).toMatchObject({ ids: [], nextAt: start + 1_000 });
    clock.advance(1);
    const [urgent] = (await claim(history)).runs;
    expect(urgent?.run.priority).toBe(5);
    expect(await claim(history)).toMatchObject({ ids: [], nextAt: start + 1_005 });
  });

  check("waits for a run's own time where that is later than the window's", async (context) => {
    const { history, queues } = context.stores;
    const at = context.clock.now();
    await queues.set(QUEUE, { rateLimit: { runs: 1, periodMs: 1_000 } });
    await enqueue(context, [{}, { availableAt: at + 5_000 }]);
    expect(await claim(history)).toMatchObject({ nextAt: at + 5_000 });
  });

  check("does not count what goes on, and does not hold it back", async (context) => {
    const { clock } = context;
    const { history, queues } = context.stores;
    await queues.set(QUEUE, { rateLimit: { runs: 1, periodMs: 1_000 } });
    const [first = "", second = ""] = await enqueue(context, times(2));
    await claim(history);
    await leave(history, first, "WAITING", clock.now() + 100);
    // What must not begin yet does not stand in front of what may go on.
    await enqueue(context, times(200, { priority: 9 }));
    expect(await claim(history)).toMatchObject({ ids: [], nextAt: clock.now() + 100 });
    clock.advance(100);
    expect((await claim(history)).ids).toEqual([first]);
    await history.beat("w", "gone");
    expect((await claim(history, "v")).ids).toEqual([first]);
    clock.advance(900);
    const { ids } = await claim(history, "v");
    expect(ids).toHaveLength(1);
    expect(ids).not.toContain(second);
    expect(await claim(history, "v")).toMatchObject({ ids: [], nextAt: clock.now() + 1_000 });
  });

  check("heeds a rate that is changed, and forgets one that is taken away", async (context) => {
    const { clock } = context;
    const { history, queues } = context.stores;
    await queues.set(QUEUE, { rateLimit: { runs: 4, periodMs: 1_000 } });
    await enqueue(context, times(12));
    expect((await claim(history)).ids).toHaveLength(4);
    await queues.set(QUEUE, { rateLimit: { runs: 2, periodMs: 1_000 } });
    clock.advance(500);
    expect(await claim(history)).toMatchObject({ ids: [], nextAt: clock.now() + 500 });
    await queues.set(QUEUE, { rateLimit: { runs: 6, periodMs: 1_000 } });
    expect((await claim(history)).ids).toHaveLength(2);
    await queues.set(QUEUE, { rateLimit: null });
    expect((await claim(history, "w", { limit: 1 })).ids).toHaveLength(1);
    await queues.set(QUEUE, { rateLimit: { runs: 2, periodMs: 1_000 } });
    expect((await claim(history)).ids).toHaveLength(2);
    expect((await claim(history)).nextAt).toBe(clock.now() + 1_000);
  });

  check("counts a queue's own runs only", async (context) => {
    const { history, queues } = context.stores;
    await queues.set(QUEUE, { rateLimit: { runs: 1, periodMs: 1_000 } });
    await queues.set("r", { rateLimit: { runs: 2, periodMs: 1_000 } });
    await enqueue(context, [...times(3), ...times(3, { queue: "r" }), ...times(3, { queue: "open" })]);
    const { runs } = await claim(history);
    const of = (queue: string) => runs.filter(({ run }) => run.queue === queue).length;
    expect([of(QUEUE), of("r"), of("open")]).toEqual([1, 2, 3]);
  });
}
