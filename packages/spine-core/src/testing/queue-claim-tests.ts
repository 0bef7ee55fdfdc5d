import { expect } from "vitest";
import { committed, createCommit, startRun } from "./history-samples.ts";
import { claim, enqueue, leave, QUEUE, times } from "./queue-samples.ts";
import type { Check } from "./suite.ts";

/** In which order runs come out of queues, and what is told of it. */
export function queueClaimTests(check: Check): void {
  check("stores where a run stands", async (context) => {
    const { history } = context.stores;
    const place = { queue: QUEUE, priority: 7, concurrencyKey: "acme" };
    const [runId = ""] = await enqueue(context, [place]);
    const [lowest = ""] = await enqueue(context, [{ queue: null, priority: -100, concurrencyKey: "x" }]);
    expect((await history.get(runId))?.run).toMatchObject(place);
    expect((await history.get(lowest))?.run).toMatchObject({
      queue: null,
      priority: -100,
      concurrencyKey: "x",
    });
    const { runs } = await claim(history);
    expect(runs.map(({ run }) => run.priority)).toEqual([7, -100]);
    expect(runs[0]?.run).toMatchObject(place);
    expect((await history.list({})).items.find((run) => run.runId === runId)).toMatchObject(place);
    const plain = await startRun(history);
    expect((await history.get(plain.runId))?.run).toMatchObject({
      queue: null,
      priority: 0,
      concurrencyKey: null,
    });
  });

  check("stores runs with a queue beside runs without one in the same commits", async ({ stores }) => {
    const commits = [{}, { queue: QUEUE }, { priority: -3 }, {}, { queue: QUEUE, concurrencyKey: "k" }].map(
      (run) => createCommit(run),
    );
    await stores.history.commit(commits);
    const stored = await Promise.all(commits.map(({ run }) => stores.history.get(run.runId)));
    expect(
      stored.map((detail) => [detail?.run.queue, detail?.run.priority, detail?.run.concurrencyKey]),
    ).toEqual([
      [null, 0, null],
      [QUEUE, 0, null],
      [null, -3, null],
      [null, 0, null],
      [QUEUE, 0, "k"],
    ]);
  });

  check("claims by priority, then by time, then by id, over all queues", async (context) => {
    const { history, queues } = context.stores;
    const at = context.clock.now();
    await queues.set("limited", { concurrency: 100 });
    const [low, second, first, third, high, urgent, tied, behind] = await enqueue(context, [
      { queue: "limited", priority: -100, availableAt: at - 9_000 },
      { queue: "open", availableAt: at - 500 },
      { queue: "limited", availableAt: at - 600 },
      { queue: null, availableAt: at - 400 },
      { queue: null, priority: 1, availableAt: at },
      { queue: "limited", priority: 100, concurrencyKey: "k", availableAt: at },
      { queue: "limited", workflow: "other", availableAt: at - 100 },
      { queue: "open", availableAt: at - 100 },
    ]);
    const order = [urgent, high, first, second, third, tied, behind, low];
    const taken: string[] = [];
    for (let look = 0; look < 4; look += 1) {
      const { ids } = await claim(history, "w", { limit: 2, workflows: ["demo", "other"] });
      taken.push(...ids);
    }
    expect(taken).toEqual(order);
    expect((await claim(history)).nextAt).toBeNull();
  });

  check("leaves runs of unknown workflows where they are", async (context) => {
    const { history, queues } = context.stores;
    await queues.set(QUEUE, { concurrency: 2 });
    await enqueue(context, times(20, { workflow: "unknown", priority: 9 }));
    const ids = await enqueue(context, times(2));
    expect(await claim(history)).toMatchObject({ ids, nextAt: null });
  });

  check("tells of the first claim of a queued run as of a start", async (context) => {
    const { history } = context.stores;
    const [runId = ""] = await enqueue(context, [{}]);
    context.clock.advance(250);
    await claim(history);
    const started = {
      runId,
      seq: 2,
      type: "run.started",
      at: "2026-01-05T09:00:00.250Z",
      data: { worker: "w", reason: "queued" },
    };
    expect((await history.events(runId))[1]).toEqual(started);
    await history.beat("w", "gone");
    context.clock.advance(250);
    await claim(history, "v");
    await leave(history, runId);
    const events = await history.events(runId);
    expect(events.map(({ type, seq }) => [seq, type])).toEqual([
      [1, "run.created"],
      [2, "run.started"],
      [3, "run.released"],
      [4, "run.resumed"],
      [5, "run.completed"],
    ]);
    expect(events[1]).toEqual(started);
    expect(events[3]?.data).toEqual({ worker: "v", reason: "queued" });
  });

  check("tells of a first claim that is not the second event", async (context) => {
    const { history } = context.stores;
    const [runId = ""] = await enqueue(context, [{}]);
    const change = { status: "CANCELLED" } as const;
    await committed(history, { kind: "control", runId, from: ["PENDING"], change, reason: "test" });
    await committed(history, {
      kind: "control",
      runId,
      from: ["CANCELLED"],
      change: { status: "PENDING", availableAt: context.clock.now() },
      reason: "test",
    });
    await claim(history);
    const events = await history.events(runId);
    expect(events.map(({ type }) => type)).toEqual([
      "run.created",
      "run.cancelled",
      "run.queued",
      "run.started",
    ]);
    expect(events[3]?.data).toEqual({ worker: "w", reason: "queued" });
  });

  check("tells of a start at once as ever, also when it went on since", async (context) => {
    const { history } = context.stores;
    const { runId } = await startRun(history);
    await leave(history, runId, "WAITING", context.clock.now());
    await claim(history);
    const [, started, ...others] = await history.events(runId);
    expect(started).toMatchObject({ type: "run.started", data: { worker: "worker-1" } });
    expect(started?.data).not.toHaveProperty("reason");
    expect(others.at(-1)).toMatchObject({ type: "run.resumed", data: { worker: "w", reason: "waiting" } });
  });

  check("claims all runs of a queue with many workers at a time, each once", async (context) => {
    const { history, queues } = context.stores;
    await queues.set(QUEUE, { concurrency: 1_000 });
    const ids = await enqueue(context, times(60));
    const workers = Array.from({ length: 6 }, (_, index) => `w${index}`);
    const claims = await Promise.all(workers.map((worker) => claim(history, worker, { limit: 10 })));
    const taken = claims.flatMap((each) => each.ids);
    expect(new Set(taken).size).toBe(taken.length);
    expect([...taken].sort()).toEqual([...ids].sort());
  });
}
