// What a step returns and no database could give back: an error of that step, on the database that it would end in.

import { createSpine, defineWorkflow, type Spine, silentLogger } from "spine-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { SharedPlace } from "./testing/places.ts";
import { PLACES } from "./testing/places.ts";

function cycle(): object {
  const self: Record<string, unknown> = {};
  self.list = [{ self }];
  return self;
}

function nested(levels: number): unknown {
  let value: unknown[] = [];
  for (let level = 1; level < levels; level++) value = [value];
  return value;
}

const UNSTORABLE: readonly (readonly [what: string, () => unknown, says: RegExp])[] = [
  ["NaN", () => ({ rate: Number.NaN }), /rate/],
  ["an infinity", () => [Number.NEGATIVE_INFINITY], /0/],
  ["a BigInt", () => ({ n: 1n }), /n/],
  ["a cycle", cycle, /list\.0\.self/],
  ["a depth of 65", () => nested(65), /deep|nest/],
  ["a depth that no stack holds", () => nested(200_000), /deep|nest/],
  ["a NUL character", () => ({ text: "a\0b" }), /text/],
  ["a lone surrogate", () => ({ text: "a\ud83d" }), /text/],
  ["a lone surrogate as a key", () => ({ "\udc00": 1 }), /key/],
  ["more than a mebibyte", () => "x".repeat(1024 * 1024), /dataset/],
  ["a function", () => ({ f: () => 1 }), /f/],
];

/** What looks dangerous and is fine. */
const STORABLE = {
  emoji: "😀",
  "": "an empty key",
  quotes: '"\\\u2028\u0001',
  big: Number.MAX_SAFE_INTEGER,
  small: 5e-324,
  depth: nested(60),
  long: "é".repeat(500_000),
};

describe.each(PLACES)("%s", (_, open) => {
  let place: SharedPlace;
  let spine: Spine;
  beforeAll(async () => {
    place = await open();
    spine = await createSpine({ database: place.database(), logger: silentLogger });
  });
  afterAll(async () => {
    await spine.stop();
    place.remove();
  });

  test.each(UNSTORABLE.map((each, index) => [...each, index] as const))(
    "%s fails its step with what and where",
    async (_what, make, says, index) => {
      const flow = defineWorkflow({ name: `demo.unstorable_${index}` })
        .step("before", () => "kept")
        .step("one", () => make() as object)
        .step("after", () => "never");
      const run = await spine.run(flow, {});
      await expect(run.result()).rejects.toMatchObject({
        code: "PAYLOAD_INVALID",
        category: "VALIDATION",
        message: expect.stringMatching(says),
        context: { step: "one", attempt: 1 },
      });
      const { run: record, steps } = await spine.get(run.id);
      expect(steps.map(({ name, status, output }) => [name, status, output])).toEqual([
        ["before", "COMPLETED", "kept"],
        ["one", "FAILED", null],
      ]);
      expect(record).toMatchObject({ status: "FAILED", error: { code: "PAYLOAD_INVALID" } });
    },
  );

  test("the same in a checkpoint and in a transaction, and nothing of the transaction stays", async () => {
    const flow = (inTransaction: boolean) =>
      defineWorkflow({ name: `demo.inside_${inTransaction}` }).step("one", async (context) => {
        if (!inTransaction) await context.checkpoint("key", () => ({ rate: Number.NaN }) as object);
        await context.transaction(async ({ kysely }) => {
          await kysely.schema.createTable("left_behind").addColumn("x", "integer").execute();
          return { text: "\ud800" };
        });
      });
    for (const inTransaction of [false, true]) {
      const run = await spine.run(flow(inTransaction), {});
      await expect(run.result()).rejects.toMatchObject({ code: "PAYLOAD_INVALID" });
    }
    await expect(spine.database.kysely.selectFrom("left_behind").selectAll().execute()).rejects.toThrow(
      /left_behind/,
    );
  });

  test("runs beside a refused one go on, and what only looks dangerous comes back as it was", async () => {
    const bad = defineWorkflow({ name: "demo.bad" }).step("one", () => ({ n: 1n }) as object);
    const good = defineWorkflow({ name: "demo.good" })
      .step("one", () => STORABLE)
      .step("two", ({ outputs }) => outputs.one);
    const runs = await Promise.all(
      Array.from({ length: 20 }, async (__, index) => await spine.run(index % 2 === 0 ? good : bad, {})),
    );
    const ends = await Promise.allSettled(runs.map((run) => run.result()));
    expect(ends.map(({ status }) => status)).toEqual(
      runs.map((__, index) => (index % 2 === 0 ? "fulfilled" : "rejected")),
    );
    const { steps } = await spine.get(runs[0]?.id ?? "");
    expect(steps.map(({ output }) => output)).toEqual([STORABLE, STORABLE]);
  });
});
