// Texts that no database could hold as a name or a key are refused where they are given.
import { defineWorkflow, HistoryTracker } from "spine-core";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { engineFixture } from "./testing/engine-fixture.ts";

const { start } = engineFixture();
const odd = ["a\0b", "a\ud800", "x".repeat(201)];

describe.each(["key", "scope", "triggeredBy", "parentRunId"])("the %s of a run", (field) => {
  test.each(odd)("%j is refused before anything is stored", async (text) => {
    const spine = await start();
    const flow = defineWorkflow({ name: "demo.text" }).step("one", () => 1);
    await expect(spine.run(flow, {}, { key: "k", [field]: text })).rejects.toMatchObject({
      code: "VALIDATION_FAILED",
      message: expect.stringContaining(`\`${field}\``),
    });
    expect((await spine.history.list({})).items).toEqual([]);
  });
});

test("a partition that no index holds is refused", async () => {
  const spine = await start();
  const flow = defineWorkflow({
    name: "demo.part",
    params: z.object({ week: z.string() }),
    partition: ({ params: { week } }) => ({ week }),
  }).step("one", () => 1);
  await expect(spine.run(flow, { week: "x".repeat(2_000) })).rejects.toMatchObject({
    code: "VALIDATION_FAILED",
    message: expect.stringContaining('"week"'),
  });
});

test.each(odd)("the key %j of a checkpoint fails the step, and so does one of a transaction", async (key) => {
  const spine = await start();
  const params = z.object({ in: z.enum(["checkpoint", "transaction"]) });
  const flow = defineWorkflow({ name: "demo.keys", params }).step(
    "one",
    async ({ checkpoint, transaction, params: { in: kind } }) => {
      await (kind === "checkpoint" ? checkpoint(key, () => 1) : transaction(async () => 1, { key }));
    },
  );
  for (const kind of ["checkpoint", "transaction"] as const) {
    const run = await spine.run(flow, { in: kind });
    await expect(run.result()).rejects.toMatchObject({ code: "VALIDATION_FAILED", context: { step: "one" } });
  }
});

test("what a tracker is given is checked as well", async () => {
  const spine = await start();
  const tracker = new HistoryTracker(spine.history);
  const nothing = async () => {};
  for (const options of [{ triggeredBy: "a\0" }, { domain: "\ud800" }, { partition: { a: "\0" } }]) {
    await expect(tracker.trackWorkflow("t", options, nothing)).rejects.toMatchObject({
      code: "VALIDATION_FAILED",
    });
  }
  await expect(tracker.trackWorkflow("t\0", {}, nothing)).rejects.toMatchObject({
    code: "VALIDATION_FAILED",
  });
  await expect(
    tracker.trackWorkflow("t", {}, async (run) => run.recordMetric("m", "x".repeat(5_000))),
  ).rejects.toMatchObject({ code: "PAYLOAD_INVALID" });
});
