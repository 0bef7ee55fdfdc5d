// Ten thousand runs that wait: they leave memory, none goes on before its time, and all do when it has come.
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { defineWorkflow } from "spine-core";
import { TestClock } from "spine-core/testing";
import { describe, expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { PLACES } from "./testing/places.ts";
import { startAt } from "./testing/start-spine.ts";

const RUNS = 10_000;
const BATCH = 1_000;
const HOUR_MS = 3_600_000;
const MIB = 2 ** 20;

const sleeping = defineWorkflow({ name: "demo.sleeping", params: z.object({ until: z.iso.datetime() }) })
  .wait("sleep", { until: ({ params }) => params.until })
  .step("end", ({ params }) => params.until);

/** What is in use once all that nobody can reach has been collected. */
function heapInUse(): number {
  setFlagsFromString("--expose_gc");
  (runInNewContext("gc") as () => void)();
  return process.memoryUsage().heapUsed;
}

describe.each(PLACES)("%s", (_name, open) => {
  test("ten thousand that wait cost no memory, and each goes on at its time", async () => {
    const place = await open();
    onTestFinished(() => place.remove());
    const clock = new TestClock("2026-03-01T12:00:00.000Z");
    const spine = await startAt(place, [sleeping], { clock, concurrency: 100 });
    const until = new Date(clock.now() + HOUR_MS).toISOString();
    const count = async (status: "WAITING" | "COMPLETED") =>
      (await spine.statistics.count({ status: [status] }, { cap: RUNS + 1 })).count;
    const all = { timeout: 120_000, interval: 100 };

    const before = heapInUse();
    for (let started = 0; started < RUNS; started += BATCH) {
      await spine.runMany(
        sleeping,
        Array.from({ length: BATCH }, () => ({ params: { until } })),
      );
    }
    await expect.poll(() => count("WAITING"), all).toBe(RUNS);
    expect(heapInUse() - before).toBeLessThan(20 * MIB);

    clock.advance(HOUR_MS - 1);
    expect(await spine.history.claim({ worker: "nobody", workflows: ["demo.sleeping"], limit: 1 })).toEqual(
      expect.objectContaining({ runs: [], nextAt: Date.parse(until) }),
    );
    expect(await count("WAITING")).toBe(RUNS);
    clock.advance(1);
    await expect.poll(() => count("COMPLETED"), all).toBe(RUNS);
    // The clock has not moved since: whoever had to wait for a poll would be here still.
    const { items } = await spine.history.list({ status: ["COMPLETED"], limit: 1 });
    expect(items[0]?.completedAt).toBe(until);
  });
});
