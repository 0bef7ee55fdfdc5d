// `now` and `random` of a step's context.
import { defineWorkflow, secret, TransientError } from "spine-core";
import { expect, test } from "vitest";
import { z } from "zod";
import { engineFixture } from "./testing/engine-fixture.ts";

const { start } = engineFixture();
const fast = { delay: "1ms" } as const;

test("an attempt that begins again gets the same times and numbers in the same order, then new ones", async () => {
  const seen: (readonly number[])[] = [];
  const flow = defineWorkflow({ name: "demo.numbers" }).step(
    "one",
    async ({ now, random, attempt }) => {
      const numbers = [await now(), await random(), await random(), await now()];
      if (attempt > 1) numbers.push(await random());
      seen.push(numbers);
      if (attempt < 3) throw new TransientError("again");
      return numbers;
    },
    { retry: { ...fast, attempts: 3 } },
  );
  const spine = await start();
  const before = Date.now();
  await (await spine.run(flow, {})).result();
  const [first = [], second = [], third = []] = seen;
  expect(second.slice(0, 4)).toEqual(first);
  expect(third).toEqual(second);
  const [time = 0, a = -1, b = -1, later = 0] = first;
  expect(time).toBeGreaterThanOrEqual(before);
  expect(later).toBeGreaterThanOrEqual(time);
  expect(new Set([a, b, third[4]]).size).toBe(3);
  for (const number of [a, b]) expect(number >= 0 && number < 1).toBe(true);
});

test("after a restart too; each step has its own", async () => {
  const seen: number[] = [];
  const flow = (hang: boolean) =>
    defineWorkflow({ name: "demo.restart" })
      .step("one", ({ random }) => random())
      .step("two", async ({ random, signal }) => {
        seen.push(await random());
        if (hang) await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal)));
        return seen.at(-1);
      });
  const first = await start();
  const run = await first.run(flow(true), {});
  await expect.poll(() => seen.length).toBe(1);
  await first.stop();
  const second = await start({ workflows: [flow(false)] });
  const { outputs } = await (await second.attach(run.id)).result();
  expect(seen).toEqual([outputs.two, outputs.two]);
  expect(outputs.one).not.toBe(outputs.two);
});

test("calls at the same time are told apart", async () => {
  const spine = await start();
  const flow = defineWorkflow({ name: "demo.together" }).step("one", ({ random }) =>
    Promise.all([random(), random(), random()]),
  );
  const { outputs } = await (await spine.run(flow, {})).result();
  expect(new Set(outputs.one).size).toBe(3);
});

test("a secret that is a part of a number changes no number", async () => {
  const spine = await start({ secrets: () => String(Date.now()).slice(0, 6) });
  const flow = defineWorkflow({ name: "demo.secret", params: z.object({ key: secret() }) }).step(
    "one",
    async ({ now }) => [typeof (await now()), (await now()) > 0],
  );
  expect((await (await spine.run(flow, { key: "env:KEY" })).result()).outputs.one).toEqual(["number", true]);
});

test("keys of checkpoints cannot be those of Spine's own, and a transaction has no recorded time", async () => {
  const spine = await start();
  const flow = defineWorkflow({ name: "demo.reserved" }).step(
    "one",
    async ({ checkpoint, transaction, now }) => {
      const refusals = await Promise.allSettled([
        checkpoint("spine:now#1", () => 1),
        transaction(async () => 1, { key: "spine:random#1" }),
        transaction(async () => await now(), { key: "t" }),
      ]);
      // The same names without the mark are anybody's.
      const mine = await checkpoint("now#1", () => "mine");
      return [...refusals.map((each) => each.status === "rejected" && each.reason.code), mine, await now()];
    },
  );
  const { outputs } = await (await spine.run(flow, {})).result();
  expect(outputs.one).toEqual([
    "VALIDATION_FAILED",
    "VALIDATION_FAILED",
    "TRANSACTION_INVALID",
    "mine",
    expect.any(Number),
  ]);
});

test("a checkpoint inside of itself is refused, at once or later; inside of others it is not", async () => {
  const spine = await start();
  const flow = defineWorkflow({ name: "demo.nested" }).step("one", async ({ checkpoint, transaction }) => {
    const inItself = (work: () => Promise<unknown>) =>
      work().then(
        () => "none",
        ({ message }: Error) => message,
      );
    return [
      await inItself(() => checkpoint("a", () => checkpoint("a", () => 1))),
      await inItself(() =>
        checkpoint("b", async () => await checkpoint("in b", () => checkpoint("b", () => 1))),
      ),
      await inItself(() => checkpoint("c", async () => await transaction(async () => 1, { key: "c" }))),
      await checkpoint("d", async () => (await checkpoint("e", () => 5)) + 1),
    ];
  });
  const refused = (key: string) =>
    `The checkpoint "${key}" of step "one" was asked for inside of its own work. Give the inner one another key.`;
  const { outputs } = await (await spine.run(flow, {})).result();
  expect(outputs.one).toEqual([refused("a"), refused("b"), refused("c"), 6]);
});
