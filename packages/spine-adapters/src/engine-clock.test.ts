// One virtual clock for the engine's timers and the database's time.

import {
  createSpine,
  type Database,
  defineWorkflow,
  type HistoryStore,
  type Spine,
  silentLogger,
  TransientError,
} from "spine-core";
import { overlay, TestClock } from "spine-core/testing";
import { describe, expect, onTestFinished, test } from "vitest";
import { PLACES } from "./testing/places.ts";

const HOUR_MS = 3_600_000;

describe.each(PLACES)("%s", (_, open) => {
  async function start(clock: TestClock): Promise<Spine> {
    const place = await open();
    const spine = await createSpine({ database: place.database(), logger: silentLogger, clock });
    onTestFinished(async () => {
      await spine.stop();
      place.remove();
    });
    return spine;
  }

  const callsAgainInAnHour = defineWorkflow({ name: "demo.hour" }).step("call", ({ attempt }) => {
    if (attempt === 1) throw new TransientError("come back in an hour", { retryAfterMs: HOUR_MS });
    return attempt;
  });

  async function waiting(spine: Spine, runId: string): Promise<void> {
    await expect.poll(async () => (await spine.get(runId)).run.status, { interval: 5 }).toBe("WAITING");
  }

  test("a run that waits for an hour goes on at once when the clock is advanced", async () => {
    const clock = new TestClock("2026-03-01T12:00:00.000Z");
    const spine = await start(clock);
    const run = await spine.run(callsAgainInAnHour, {});
    const result = run.result();
    await waiting(spine, run.id);

    clock.advance(HOUR_MS - 1);
    // A look for work that began now would find the run if it were due.
    expect(await spine.history.claim({ worker: "nobody", workflows: ["demo.hour"], limit: 1 })).toMatchObject(
      {
        runs: [],
        nextAt: Date.parse("2026-03-01T13:00:00.000Z"),
      },
    );
    expect((await spine.get(run.id)).run.status).toBe("WAITING");

    clock.advance(1);
    expect(await result).toEqual({ outputs: { call: 2 } });
    const { run: record, steps } = await spine.get(run.id);
    expect(steps.map(({ startedAt }) => startedAt)).toEqual([
      "2026-03-01T12:00:00.000Z",
      "2026-03-01T13:00:00.000Z",
    ]);
    expect([record.createdAt, record.completedAt]).toEqual([
      "2026-03-01T12:00:00.000Z",
      "2026-03-01T13:00:00.000Z",
    ]);
  });

  test("and so does one whose clock is advanced while work is looked for", async () => {
    const clock = new TestClock();
    const spine = await start(clock);
    const runs = [];
    for (let n = 0; n < 3; n++) runs.push(await spine.run(callsAgainInAnHour, {}));
    for (const { id } of runs) await waiting(spine, id);
    // Many polls are due on the way, and each is a query under way when time goes on.
    for (let minute = 0; minute < 60; minute++) {
      clock.advance(HOUR_MS / 60);
      if (minute % 7 === 0) await new Promise(setImmediate);
    }
    for (const run of runs) expect(await run.result()).toEqual({ outputs: { call: 2 } });
  });

  test("who reads a run at the moment at which it goes on and ends learns of its end", async () => {
    const clock = new TestClock();
    const place = await open();
    const read = Promise.withResolvers<void>();
    const answer = Promise.withResolvers<void>();
    let slow = false;
    const spine = await createSpine({
      database: slowReads(place.database(), async () => {
        if (!slow) return;
        slow = false;
        read.resolve();
        await answer.promise;
      }),
      logger: silentLogger,
      clock,
    });
    onTestFinished(async () => {
      await spine.stop();
      place.remove();
    });
    const { id } = await spine.run(callsAgainInAnHour, {});
    await waiting(spine, id);
    const run = await spine.attach(id);
    slow = true;
    const result = run.result();
    await read.promise;
    clock.advance(HOUR_MS);
    await expect.poll(async () => (await spine.get(id)).run.status, { interval: 5 }).toBe("COMPLETED");
    answer.resolve();
    expect(await result).toEqual({ outputs: { call: 2 } });
  });

  test("a timeout of a day passes with the clock, and only then", async () => {
    const clock = new TestClock();
    const spine = await start(clock);
    const flow = defineWorkflow({ name: "demo.day" }).step("endless", () => new Promise(() => {}), {
      timeout: "1d",
      retry: { attempts: 1 },
    });
    const run = await spine.run(flow, {});
    const result = run.result();
    clock.advance(24 * HOUR_MS - 1);
    expect((await spine.get(run.id)).run.status).toBe("RUNNING");
    clock.advance(1);
    await expect(result).rejects.toMatchObject({ code: "STEP_TIMEOUT" });
  });

  test("who waits for a result learns at once that the waiting run was cancelled", async () => {
    const spine = await start(new TestClock());
    const run = await spine.run(callsAgainInAnHour, {});
    const result = run.result();
    await waiting(spine, run.id);
    await Promise.all([
      expect(result).rejects.toMatchObject({ code: "RUN_CANCELLED" }),
      spine.cancel(run.id),
    ]);
  });
});

/** The database, whose answers about a run are held up after they were read. */
function slowReads(inner: Database, hold: () => Promise<void>): Database {
  return overlay(inner, {
    connect: async (options) => {
      const stores = await inner.connect(options);
      const glance: HistoryStore["glance"] = async (runIds) => {
        const seen = await stores.history.glance(runIds);
        await hold();
        return seen;
      };
      return { ...stores, history: overlay(stores.history, { glance }) };
    },
  });
}
