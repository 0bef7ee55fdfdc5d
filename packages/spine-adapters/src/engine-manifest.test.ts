// How far partitions have come: said from outside, and by steps, with whose record it commits.
import { createSpine, defineWorkflow, type Spine, silentLogger } from "spine-core";
import { beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { PLACES } from "./testing/places.ts";

const stages = { domain: "demo.weeks", stages: ["INGESTED", "NORMALIZED", "PUBLISHED"] };
const flow = defineWorkflow({
  name: "demo.weeks",
  params: z.object({ week: z.string(), fails: z.boolean().default(false) }),
  partition: ({ params: { week } }) => ({ week }),
})
  .step("ingest", ({ advance }) => {
    advance(stages, "INGESTED", { rows: 1 });
    advance(stages, "INGESTED", { rows: 7, metrics: { files: 2 } });
    advance(stages, "INGESTED", { partition: { week: "other", tier: "T1" } });
  })
  .step("normalize", ({ advance, params }) => {
    advance(stages, "NORMALIZED", { rows: 6 });
    if (params.fails) throw new Error("after it was said");
  });

describe.each(PLACES)("%s", (_name, open) => {
  let spine: Spine;
  beforeAll(async () => {
    const place = await open();
    spine = await createSpine({ database: place.database(), workflows: [flow], logger: silentLogger });
    return async () => {
      await spine.stop();
      place.remove();
    };
  });
  const manifest = () => spine.manifest(stages.domain, stages.stages);

  test("steps say it with their own record, and not at all when they fail", async () => {
    const run = await spine.run(flow, { week: "w1" });
    await run.result();
    const failed = await spine.run(flow, { week: "w2", fails: true });
    await expect(failed.result()).rejects.toThrow("after it was said");
    expect(await manifest().get({ week: "w1" })).toEqual([
      {
        domain: "demo.weeks",
        partition: { week: "w1" },
        stage: "INGESTED",
        rank: 0,
        rows: 7,
        runId: run.id,
        metrics: { files: 2 },
        advancedAt: expect.stringMatching(/Z$/) as string,
      },
      expect.objectContaining({ stage: "NORMALIZED", rank: 1, rows: 6, metrics: {} }),
    ]);
    expect(await manifest().latestStage({ week: "w2" })).toBe("INGESTED");
    expect(await manifest().latestStage({ tier: "T1", week: "other" })).toBe("INGESTED");
    // Many at once, of one partition: they are no obstacle to each other.
    const runs = await spine.runMany(
      flow,
      Array.from({ length: 8 }, () => ({ params: { week: "w3" } })),
    );
    await Promise.all(runs.map((each) => each.result()));
    expect(await manifest().latestStage({ week: "w3" })).toBe("NORMALIZED");
  });

  test("is asked for stages by their order, and advanced from outside", async () => {
    const weeks = manifest();
    const partition = { week: "w9" };
    expect(await weeks.latestStage(partition)).toBeNull();
    expect(await weeks.isBefore(partition, "INGESTED")).toBe(true);
    await weeks.advanceTo(partition, "NORMALIZED", { rows: 3, runId: "r", metrics: { errors: 0 } });
    await weeks.advanceTo(partition, "INGESTED");
    await weeks.advanceTo(partition, "NORMALIZED", { rows: 4 });
    expect((await weeks.get(partition)).map(({ stage, rows, runId }) => [stage, rows, runId])).toEqual([
      ["INGESTED", null, null],
      ["NORMALIZED", 4, null],
    ]);
    expect(await weeks.latestStage(partition)).toBe("NORMALIZED");
    expect(await weeks.isAtLeast(partition, "INGESTED")).toBe(true);
    expect(await weeks.isAtLeast(partition, "PUBLISHED")).toBe(false);
    expect(await weeks.has(partition, "PUBLISHED")).toBe(false);
    expect(await weeks.metrics(partition, "PUBLISHED")).toBeNull();
    expect(await weeks.metrics(partition, "NORMALIZED")).toEqual({});
    expect(await spine.manifest("another", ["INGESTED"]).get(partition)).toEqual([]);
  });

  test("refuses stages that there are not", async () => {
    await expect(manifest().advanceTo({ week: "w" }, "DONE")).rejects.toThrow(
      '"DONE" is no stage of "demo.weeks"',
    );
    await expect(manifest().advanceTo({ week: "w" }, "INGESTED", { row: 1 } as never)).rejects.toThrow(
      "`row`",
    );
    await expect(manifest().get(null as never)).rejects.toMatchObject({ code: "VALIDATION_FAILED" });
    await expect(manifest().advanceTo(null as never, "INGESTED")).rejects.toThrow(
      "`partition` of a manifest",
    );
    expect(() => spine.manifest("d", ["A", "A"])).toThrow("a list of different texts");
  });
});
