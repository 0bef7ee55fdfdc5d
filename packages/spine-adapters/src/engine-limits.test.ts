// What a process may have at work, and what it lets go of.
import { setTimeout as delay } from "node:timers/promises";
import { createSpine, defineWorkflow, silentLogger, type WorkflowData } from "spine-core";
import { describe, expect, onTestFinished, test } from "vitest";
import { PLACES } from "./testing/places.ts";

describe.each(PLACES)("%s", (_name, open) => {
  async function start(workflows: readonly WorkflowData[], concurrency = 10) {
    const place = await open();
    const spine = await createSpine({
      database: place.database(),
      workflows,
      concurrency,
      logger: silentLogger,
    });
    onTestFinished(async () => {
      await spine.stop();
      place.remove();
    });
    return spine;
  }

  test("a process works on no more runs than its concurrency, however many are started at once", async () => {
    let now = 0;
    let most = 0;
    const flow = defineWorkflow({ name: "demo.many" }).step("work", async () => {
      now += 1;
      most = Math.max(most, now);
      await delay(20);
      now -= 1;
    });
    const spine = await start([flow], 2);
    const runs = await Promise.all(Array.from({ length: 50 }, () => spine.run(flow, {})));
    await Promise.all(runs.map((run) => run.result()));
    expect(most).toBe(2);
  });

  test("who watches sees at once that a queued run is at work", async () => {
    const flow = defineWorkflow({ name: "demo.slow", queue: "q" }).step("work", async () => {
      await delay(900);
    });
    const spine = await start([flow]);
    for (let n = 0; n < 4; n += 1) {
      const run = await spine.run(flow, {});
      const begun = performance.now();
      let running: number | null = null;
      for await (const { run: row } of run.watch()) {
        if (row.status === "RUNNING") running ??= performance.now() - begun;
      }
      expect(running).toBeLessThan(500);
    }
  });

  test("no body goes on after a stop that came while its run was being started", async () => {
    let stopped = false;
    let late = 0;
    const flow = defineWorkflow({ name: "demo.late" }).step("work", async ({ signal }) => {
      await delay(50, undefined, { signal });
      if (stopped) late += 1;
    });
    const spine = await start([flow]);
    const starting = Array.from({ length: 5 }, () => spine.run(flow, {}).catch(() => null));
    await spine.stop();
    stopped = true;
    await Promise.all(starting);
    await delay(200);
    expect(late).toBe(0);
  });

  test("a watch can be ended while nothing happens to its run", async () => {
    const flow = defineWorkflow({ name: "demo.paused", queue: "q" }).step("work", () => 1);
    const spine = await start([flow]);
    await spine.queues.pause("q");
    const watch = (await spine.run(flow, {})).watch()[Symbol.asyncIterator]();
    await watch.next();
    void watch.next();
    const ended = watch.return?.().then(() => "ended");
    await expect(Promise.race([ended, delay(1_000)])).resolves.toBe("ended");
  });

  test("a batch refuses a transaction instead of ignoring it", async () => {
    const flow = defineWorkflow({ name: "demo.batch" }).step("work", () => 1);
    const spine = await start([flow]);
    await spine.database.kysely
      .transaction()
      .execute(async (transaction) => {
        const batch = spine
          .runMany(flow, [{ params: {}, transaction } as never])
          .catch((error: unknown) => error);
        await Promise.race([batch.then((answer) => expect(answer).toBeInstanceOf(Error)), delay(500)]);
        throw new Error("rolled back");
      })
      .catch((error: Error) => expect(error.message).toBe("rolled back"));
    await delay(300);
    expect((await spine.history.list({})).items).toHaveLength(0);
  });
});
