// How far long steps have come, and signs of life: seen here, elsewhere, and after a death.

import {
  createSpine,
  defineTable,
  defineWorkflow,
  type Page,
  type Progress,
  reject,
  type Source,
  type Spine,
  type StepContext,
  type StepProgressed,
  type StepRecord,
  secret,
  silentLogger,
} from "spine-core";
import { mortal, TestClock } from "spine-core/testing";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { PLACES } from "./testing/places.ts";
import { stepsOf } from "./testing/start-spine.ts";

const KEY = "a-key-of-some-length";
const POINT = { rows: { in: 1, out: 1, rejected: 0 }, done: 1, total: 2 };
const say = ({ progress }: { readonly progress: (progress: Progress) => void }) => {
  progress(POINT);
  return 1;
};
const numbers = defineTable({ name: "progress_numbers", columns: { n: "integer" }, key: ["n"] });

/** What the code of steps is to do, by run, once it was told. */
const gates = new Map<string, PromiseWithResolvers<void>>();
const gate = (name: string) => {
  const known = gates.get(name) ?? Promise.withResolvers<void>();
  gates.set(name, known);
  return known;
};

const copying = defineWorkflow({ name: "demo.copying", params: z.object({ key: secret() }) }).parallel(
  "both",
  () => ({
    copy: async ({ attempt, progress, params, runId }) => {
      if (attempt > 1) return await gate(`${runId} copy`).promise.then(() => attempt);
      for (let done = 1; done <= 10_000; done += 1) {
        progress({ done, total: 20_000, unit: "files", message: `${done} with ${params.key}` });
      }
      return await new Promise<number>(() => {});
    },
    quick: ({ progress }) => {
      progress({ message: "was there" });
      return 1;
    },
  }),
);

describe.each(PLACES)("%s", (_name, open) => {
  test("who looks from elsewhere sees how far a step has come, without secrets; the attempt after a death has nothing of it", async () => {
    const place = await open();
    const life = mortal(place.database());
    const options = { workflows: [copying], logger: silentLogger, secrets: () => KEY };
    const worker = await createSpine({ ...options, database: life.database });
    const looker = await createSpine({ ...options, database: place.database(), worker: false });
    onTestFinished(async () => {
      await looker.stop();
      place.remove();
    });
    const { id } = await worker.run(copying, { key: "env:KEY" });
    const copy = ({ steps }: { readonly steps: readonly StepRecord[] }) =>
      steps.findLast(({ name }) => name === "both/copy");
    for await (const detail of (await looker.attach(id)).watch()) {
      if (!copy(detail)?.progress) continue;
      expect(copy(detail)).toMatchObject({
        attempt: 1,
        status: "RUNNING",
        progress: {
          rows: null,
          done: 10_000,
          total: 20_000,
          unit: "files",
          message: "10000 with [redacted]",
          at: expect.stringMatching(/Z$/),
        },
      });
      // What is over within a second is not worth a write.
      expect(detail.steps.find(({ name }) => name === "both/quick")).toMatchObject({
        status: "COMPLETED",
        progress: null,
      });
      break;
    }
    const updates = async () =>
      (await looker.history.events(id)).filter(({ type }) => type === "run.updated").length;
    expect(await updates()).toBe(1);

    void life.die();
    await life.dead;
    await looker.start();
    await expect
      .poll(async () => await stepsOf(looker, id), { timeout: 20_000 })
      .toContain("both/copy 2 RUNNING");
    expect(copy(await looker.get(id))).toMatchObject({ attempt: 2, progress: null });
    gate(`${id} copy`).resolve();
    expect(await (await looker.attach(id)).result()).toEqual({ outputs: { both: { copy: 2, quick: 1 } } });
  });

  describe("by one clock", () => {
    let clock: TestClock;
    let spine: Spine;
    let end = async () => {};
    beforeAll(async () => {
      const place = await open();
      clock = new TestClock();
      spine = await createSpine({ database: place.database(), logger: silentLogger, clock });
      end = async () => {
        await spine.stop();
        place.remove();
      };
    });
    afterAll(() => end());

    /** Lets time pass in steps, with room for what it brings about in between. */
    async function pass(ms: number): Promise<void> {
      clock.advance(ms);
      await new Promise(setImmediate);
    }

    test("an attempt of which nothing is heard for too long fails, whatever its code does, and is tried again", async () => {
      let life: Pick<StepContext, "progress" | "heartbeat"> | undefined;
      const flow = defineWorkflow({ name: "demo.silent" }).step(
        "work",
        (context) => {
          if (context.attempt === 2) return "done";
          life = context;
          return new Promise<string>(() => {});
        },
        { heartbeatTimeout: "10s", retry: { attempts: 2, delay: 1 } },
      );
      const run = await spine.run(flow, {});
      for (let count = 0; count < 4; count += 1) {
        await pass(9_999);
        if (count % 2 === 0) life?.heartbeat();
        else life?.progress({ done: count });
      }
      await pass(9_999);
      expect(await stepsOf(spine, run.id)).toEqual(["work 1 RUNNING"]);
      await pass(1);
      await expect
        .poll(async () => {
          await pass(100);
          return await stepsOf(spine, run.id);
        })
        .toEqual(["work 1 FAILED", "work 2 COMPLETED"]);
      expect((await spine.get(run.id)).steps[0]?.error).toMatchObject({
        code: "STEP_HEARTBEAT_TIMEOUT",
        category: "TIMEOUT",
        retryable: true,
        message: expect.stringContaining("heartbeatTimeout of 10000 ms"),
      });
    });

    test("each page of a data step is a sign of life, and tells how far it has come", async () => {
      const told: StepProgressed[] = [];
      onTestFinished(spine.on("step.progress", (event) => told.push(event)));
      const source: Source<unknown> = {
        name: "slow",
        async *stream() {
          for (let n = 1; n <= 3; n += 1) {
            yield { rows: [{ n }], cursor: n, bytes: 10, totalBytes: 30 } satisfies Page;
            await gate(`page ${n}`).promise;
          }
        },
      };
      const flow = defineWorkflow({ name: "demo.paged" })
        .fetch("fetch", { from: source, request: () => ({}), heartbeatTimeout: "10s" })
        .transform("transform", {
          from: "fetch",
          row: (row) => (row.n === 2 ? reject("TWO", "It is two.") : { n: Number(row.n) }),
          schema: z.object({ n: z.number() }),
        })
        .load("load", { from: "transform", into: numbers, disposition: "append" });
      const run = await spine.run(flow, {});
      for (let n = 1; n <= 3; n += 1) {
        await expect.poll(() => told.length, { interval: 1 }).toBe(n);
        await pass(9_000);
        gate(`page ${n}`).resolve();
      }
      await run.result();
      const counts = told.map(({ step, attempt, done, total, unit, rows }) => [
        `${step}#${attempt} ${done} of ${total} ${unit}`,
        rows,
      ]);
      expect(counts).toEqual([
        ["fetch#1 10 of 30 bytes", { in: 1, out: 1, rejected: 0 }],
        ["fetch#1 20 of 30 bytes", { in: 2, out: 2, rejected: 0 }],
        ["fetch#1 30 of 30 bytes", { in: 3, out: 3, rejected: 0 }],
        ["transform#1 1 of 3 rows", { in: 1, out: 1, rejected: 0 }],
        ["transform#1 2 of 3 rows", { in: 2, out: 1, rejected: 1 }],
        ["transform#1 3 of 3 rows", { in: 3, out: 2, rejected: 1 }],
        ["load#1 1 of 2 rows", { in: 2, out: 1, rejected: 0 }],
        // A page of which nothing is left.
        ["load#1 1 of 2 rows", { in: 2, out: 1, rejected: 0 }],
        ["load#1 2 of 2 rows", { in: 2, out: 2, rejected: 0 }],
      ]);
      expect((await spine.get(run.id)).steps.map(({ progress }) => progress)).toEqual([null, null, null]);
    });

    test("whatever has code says how far it is, under its path; nothing of it is written within a second", async () => {
      const told: string[] = [];
      onTestFinished(
        spine.on("step.progress", ({ runId: _run, workflow: _flow, step, attempt, at, ...said }) => {
          told.push(`${step}#${attempt}`);
          expect(said).toEqual({ ...POINT, unit: null, message: null });
          expect(at).toBe(new Date(clock.now()).toISOString());
        }),
      );
      let late = () => {};
      const flow = defineWorkflow({ name: "demo.kinds" })
        .map("items", { over: (context) => [say(context)], run: say })
        .step("kept", say, { undo: say })
        .when(
          "way",
          (context) => say(context) === 1,
          (block) => block.step("a", say),
        )
        .step("broken", (context) => {
          late = () => say(context);
          context.progress({ done: -1 });
        });
      const run = await spine.run(flow, {});
      await expect(run.result()).rejects.toMatchObject({
        code: "VALIDATION_FAILED",
        message: expect.stringContaining('`done` of the progress of step "broken"'),
        context: { step: "broken", attempt: 1 },
      });
      late();
      await pass(5_000);
      expect(told).toEqual(["items#1", "items/0#1", "kept#1", "way#1", "way/then/a#1", "undo/kept#1"]);
      const { type } = (await spine.history.events(run.id)).at(-1) ?? {};
      expect(type).toBe("run.failed");
      expect((await spine.history.events(run.id)).map((event) => event.type)).not.toContain("run.updated");
    });
  });
});
