// Backfills: what they choose, what becomes of each partition, and that they go on like any other run.

import { createSpine, defineWorkflow, type Partition, type Spine, silentLogger } from "spine-core";
import { beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { backfilledTrades, ingestTrades, mood, paramsOf, weeksOf } from "./testing/backfill-flow.ts";
import { PLACES, type SharedPlace } from "./testing/places.ts";

/** Of the partition of another week than its parameters say. */
const wrong = defineWorkflow({
  name: "demo.wrong_week",
  params: z.object({ week: z.string(), tier: z.string() }),
  partition: ({ params: { tier } }) => ({ week_start: "2025-01-06", tier }),
}).step("nothing", () => null);
/** Loads nothing. */
const idle = defineWorkflow({
  name: "demo.idle",
  params: z.object({ week: z.string(), tier: z.string() }),
  partition: ({ params: { week, tier } }) => ({ week_start: week, tier }),
}).step("nothing", () => null);

describe.each(PLACES)("%s", (_name, open) => {
  let place: SharedPlace;
  let spine: Spine;
  beforeAll(async () => {
    place = await open();
    spine = await createSpine({
      database: place.database(),
      workflows: [ingestTrades, wrong, idle],
      logger: silentLogger,
    });
    return async () => {
      await spine.stop();
      place.remove();
    };
  });
  const report = async (run: Awaited<ReturnType<typeof start>>) => {
    const { outputs } = await run.result();
    const { partitions, ...counts } = outputs.report;
    return {
      ...counts,
      of: partitions.map(({ key, status }) => `${key.slice(5).replace("/week_start=2025-", " ")} ${status}`),
    };
  };
  const start = (options: Partial<Parameters<Spine["backfill"]>[1]> = {}, tiers = ["A", "BAD"]) =>
    spine.backfill(ingestTrades, {
      partitions: weeksOf(tiers, 2),
      select: "missing",
      params: paramsOf,
      ...(options as object),
    });

  test("fills what is missing, by children that say their partition, and goes on when one fails; then what failed", async () => {
    mood.isBad = true;
    const items = await spine.backfill(ingestTrades, {
      partitions: weeksOf(["A", "BAD"], 2),
      select: "missing",
      params: paramsOf,
      order: "newest",
      dryRun: true,
    });
    expect(items.map(({ params, state, loads }) => [params.week, params.tier, state, loads])).toEqual([
      ["2025-01-13", "BAD", "MISSING", true],
      ["2025-01-13", "A", "MISSING", true],
      ["2025-01-06", "BAD", "MISSING", true],
      ["2025-01-06", "A", "MISSING", true],
    ]);
    expect((await spine.history.list({})).items).toEqual([]);

    const run = await start({ concurrency: 1, tags: ["first"] });
    expect(await report(run)).toEqual({
      loaded: 2,
      skipped: 0,
      failed: 2,
      of: ["A 01-06 LOADED", "BAD 01-06 FAILED", "A 01-13 LOADED", "BAD 01-13 FAILED"],
    });
    const { items: children } = await spine.history.list({ parentRunId: run.id });
    expect(children.map(({ workflow, partition, status }) => [workflow, partition?.tier, status])).toEqual([
      [ingestTrades.name, "BAD", "FAILED"],
      [ingestTrades.name, "A", "COMPLETED"],
      [ingestTrades.name, "BAD", "FAILED"],
      [ingestTrades.name, "A", "COMPLETED"],
    ]);
    // One at a time: each began when the one before it had ended.
    const times = await Promise.all(children.map(({ runId }) => spine.get(runId)));
    for (const [index, { run: after }] of times.slice(0, -1).entries())
      expect(String(after.createdAt) >= String(times[index + 1]?.run.completedAt)).toBe(true);
    const detail = await spine.get(run.id);
    expect(detail.run).toMatchObject({ workflow: `spine.backfill.${ingestTrades.name}`, tags: ["first"] });
    const { outputs } = await run.result();
    expect(outputs.report.partitions[0]?.runId).toBe(children.at(-1)?.runId);
    expect(outputs.report.partitions[1]?.error?.message).toContain("nothing for this tier");

    mood.isBad = false;
    expect(await report(await start({ select: "missing" }))).toMatchObject({ loaded: 0, of: [] });
    expect(await report(await start({ select: "failed", order: "newest" }))).toEqual({
      loaded: 2,
      skipped: 0,
      failed: 0,
      of: ["BAD 01-13 LOADED", "BAD 01-06 LOADED"],
    });
    const doctor = await spine.partitions.doctor(weeksOf(["A", "BAD"], 2));
    expect(doctor).toMatchObject({ expected: 4, loaded: 4, missing: [], failed: [] });
  });

  test("skips what is loaded, unless it is forced; a list is taken as it is", async () => {
    const range = { range: { from: "2025-01-06", to: "2025-01-06" } };
    expect(await report(await start({ select: range }, ["C", "D"]))).toMatchObject({ loaded: 2 });
    const all = { range: { from: "2025-01-06" } };
    expect(await report(await start({ select: all }, ["C"]))).toMatchObject({
      of: ["C 01-06 SKIPPED", "C 01-13 LOADED"],
    });
    const runsBefore = (await spine.history.list({ workflow: ingestTrades.name })).items.length;
    const list = [
      { tier: "D", week_start: "2025-01-06" },
      { week_start: "2025-01-06", tier: "C" },
    ];
    expect(await report(await start({ select: { list } }, ["C", "D"]))).toMatchObject({
      of: ["D 01-06 SKIPPED", "C 01-06 SKIPPED"],
    });
    expect((await spine.history.list({ workflow: ingestTrades.name })).items).toHaveLength(runsBefore);
    expect(await report(await start({ select: { list }, force: true }, ["C", "D"]))).toMatchObject({
      loaded: 2,
    });
    expect((await spine.history.list({ workflow: ingestTrades.name })).items).toHaveLength(runsBefore + 2);
  });

  test("refuses runs of other partitions, and says when a run has loaded nothing", async () => {
    const partitions = weeksOf(["E"], 2);
    await expect(
      spine.backfill(wrong, { partitions, select: "missing", params: paramsOf }),
    ).rejects.toMatchObject({
      code: "VALIDATION_FAILED",
      message: expect.stringContaining("it was to be tier=E/week_start=2025-01-13") as string,
    });
    await expect(
      spine.backfill(ingestTrades, { partitions, select: { list: [{ tier: "E" }] }, params: paramsOf }),
    ).rejects.toThrow("a partition of this set has tier,week_start");
    const twice = [
      { tier: "E", week_start: "2025-01-06" },
      { week_start: "2025-01-06", tier: "E" },
    ];
    await expect(start({ select: { list: twice } }, ["E"])).rejects.toThrow("twice");
    const known = { week_start: "2025-01-06", tier: "A" };
    for (const [outside, key] of [
      [{ ...known, tier: "Z" }, "tier=Z/week_start=2025-01-06"],
      [{ ...known, week_start: "2025-01-07" }, "week_start=2025-01-07"],
      [{ ...known, week_start: "2025-01-20" }, "week_start=2025-01-20"],
      [{ ...known, week_start: "soon" }, "week_start=soon"],
    ] as const) {
      await expect(
        start({ select: { list: [known, outside] }, dryRun: true } as never),
      ).rejects.toMatchObject({
        code: "VALIDATION_FAILED",
        message: expect.stringContaining(`${key}, which is none of this set`) as string,
      });
    }
    const throws = (partition: Partition) => {
      if (partition.week_start === "2025-01-13") throw new RangeError("no file");
      return paramsOf(partition);
    };
    await expect(start({ params: throws, select: { range: {} } })).rejects.toMatchObject({
      code: "VALIDATION_FAILED",
      message: expect.stringContaining("tier=A/week_start=2025-01-13: no file") as string,
      cause: expect.any(RangeError) as RangeError,
    });
    await expect(start({ selct: "missing" } as never)).rejects.toThrow("`selct` is no option");
    // A bound that is misspelt would be none, and all would be loaded.
    const misspelt = { range: { form: "2025-01-13" } } as never;
    await expect(start({ select: misspelt, force: true })).rejects.toThrow("`form` is no option");
    for (const select of [{ range: null }, { range: {}, list: [] }])
      await expect(start({ select } as never)).rejects.toMatchObject({ code: "VALIDATION_FAILED" });
    const none = { partitions: { table: "t" } } as never;
    await expect(start(none)).rejects.toThrow("is what `definePartitions` returns");
    const run = await spine.backfill(idle, { partitions, select: "missing", params: paramsOf });
    const { outputs } = await run.result();
    expect(outputs.report).toMatchObject({ failed: 2 });
    expect(outputs.report.partitions[0]?.error).toMatchObject({ code: "LOAD_FAILED" });
  });

  test("pauses and goes on; cancelled, it takes its children with it", async () => {
    const slow = await spine.backfill(ingestTrades, {
      partitions: weeksOf(["F"], 20),
      select: "missing",
      params: paramsOf,
      concurrency: 2,
    });
    const loaded = async () =>
      (await spine.partitions.list(backfilledTrades.name)).filter(({ partition }) => partition.tier === "F")
        .length;
    for await (const { steps } of slow.watch())
      if (steps.filter(({ name }) => name.endsWith("/check")).length > 2) break;
    await spine.pause(slow.id);
    const { items } = await spine.history.list({
      parentRunId: slow.id,
      status: ["PENDING", "RUNNING", "WAITING"],
    });
    expect(items).toEqual([]);
    expect(await loaded()).toBeLessThan(20);
    await spine.resume(slow.id);
    expect(await report(slow)).toMatchObject({ loaded: 20, skipped: 0, failed: 0 });
    expect((await spine.history.list({ parentRunId: slow.id })).items).toHaveLength(20);

    const ended = await spine.backfill(ingestTrades, {
      partitions: weeksOf(["G"], 20),
      select: "missing",
      params: paramsOf,
      concurrency: 2,
    });
    for await (const { steps } of ended.watch()) if (steps.some(({ name }) => name.endsWith("/check"))) break;
    await spine.cancel(ended.id);
    await expect(ended.result()).rejects.toMatchObject({ code: "RUN_CANCELLED" });
    const after = await spine.history.list({
      parentRunId: ended.id,
      status: ["PENDING", "RUNNING", "WAITING", "PAUSED"],
    });
    expect(after.items).toEqual([]);
  });
});
