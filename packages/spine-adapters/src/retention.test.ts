// Old runs are removed while Spine works, with a clock that the tests move.
import { type Clock, defineWorkflow, type Spine, systemClock } from "spine-core";
import { arraySource, overlay } from "spine-core/testing";
import { describe, expect, test, vi } from "vitest";
import { z } from "zod";
import { engineFixture } from "./testing/engine-fixture.ts";

const { start, database } = engineFixture();
const DAY = 86_400_000;
const retention = { runs: "90d" } as const;
const rows = Array.from({ length: 5 }, (_, n) => ({ n }));

/** A run that ends is over at once; another one waits until it is let go. */
const gate = { open: Promise.resolve() };
const flow = defineWorkflow({ name: "demo.kept", params: z.object({ waits: z.boolean() }) })
  .fetch("fetch", { from: arraySource(rows), request: () => ({}) })
  .step("hold", async ({ params: { waits } }) => {
    if (waits) await gate.open;
  });

function movable(): Clock & { ms: number } {
  return {
    ...systemClock,
    ms: Date.now(),
    now() {
      return this.ms;
    },
  };
}

async function datasetOf(spine: Spine, runId: string): Promise<string> {
  const [fetch] = (await spine.get(runId)).steps;
  return z.object({ dataset: z.string() }).parse(fetch?.output).dataset;
}

async function isReadable(spine: Spine, dataset: string): Promise<boolean> {
  try {
    for await (const _chunk of spine.datasets.read(dataset)) return true;
  } catch {
    return false;
  }
  return false;
}

const ids = async (spine: Spine) => (await spine.history.list({})).items.map(({ runId }) => runId);

describe("retention", () => {
  test("removes what ended long ago with its datasets, and nothing of a run that is active", async () => {
    const clock = movable();
    const release = Promise.withResolvers<void>();
    gate.open = release.promise;
    const spine = await start({ clock });
    const old = await spine.run(flow, { waits: false });
    const active = await spine.run(flow, { waits: true });
    await old.result();
    await vi.waitFor(async () => expect((await spine.get(active.id)).steps).toHaveLength(2));
    const datasets = [await datasetOf(spine, old.id), await datasetOf(spine, active.id)];
    clock.ms += 90 * DAY + 1_000;
    const young = await spine.run(flow, { waits: false });
    await young.result();

    // Two at once, as two processes would.
    const others = [await start({ clock, retention }), await start({ clock, retention })];
    await vi.waitFor(async () => {
      expect(await ids(spine)).toEqual([young.id, active.id]);
      expect(await isReadable(spine, datasets[0] ?? "")).toBe(false);
    });
    expect(await isReadable(spine, datasets[1] ?? "")).toBe(true);
    release.resolve();
    await active.result();
    for (const other of others) await other.stop();
  });

  test("a time that is too short is refused before the database is opened", async () => {
    const opened = vi.fn();
    const inner = database();
    const spied = overlay(inner, {
      connect: async (options) => {
        opened();
        return await inner.connect(options);
      },
    });
    const refused = start({ database: spied, retention: { runs: "1m" } });
    await expect(refused).rejects.toMatchObject({ code: "CONFIG_INVALID" });
    expect(opened).not.toHaveBeenCalled();
  });

  test("finds the datasets that a sweep left behind when it was cut off", async () => {
    const clock = movable();
    const spine = await start({ clock });
    const run = await spine.run(flow, { waits: false });
    await run.result();
    const dataset = await datasetOf(spine, run.id);
    clock.ms += 100 * DAY;
    await spine.history.prune({ before: clock.now(), limit: 10 });
    expect(await isReadable(spine, dataset)).toBe(true);
    const other = await start({ clock, retention });
    await vi.waitFor(async () => expect(await isReadable(other, dataset)).toBe(false));
  });

  test("leaves everything where it is not asked for, and stops in the middle of its work", async () => {
    const clock = movable();
    const spine = await start({ clock });
    const runs = await Promise.all(Array.from({ length: 230 }, () => spine.run(flow, { waits: false })));
    await Promise.all(runs.map((run) => run.result()));
    clock.ms += 1_000 * DAY;
    const idle = await start({ clock });
    await idle.stop();
    const { count } = await spine.statistics.count({});
    expect(count).toBe(230);
    const waiting = await start({ clock, retention, worker: false });
    await waiting.stop();
    const stopped = await start({ clock, retention });
    await stopped.stop();
    // At most the batch that was under way.
    expect((await spine.statistics.count({})).count).toBeGreaterThanOrEqual(130);
  });

  test.each(["10m", 0, "x" as "1d", Number.NaN])("of %j is refused at the start", async (time) => {
    await expect(start({ retention: { runs: time as number } })).rejects.toMatchObject({
      code: "CONFIG_INVALID",
    });
  });
});
