// What a workflow can say: steps inside of steps, on both databases.
import { setTimeout as delay } from "node:timers/promises";
import { defineWorkflow, Step, TransientError } from "spine-core";
import { describe, expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { PLACES } from "./testing/places.ts";
import { startAt, stepsOf } from "./testing/start-spine.ts";

describe.each(PLACES)("%s", (_name, open) => {
  async function placed() {
    const place = await open();
    onTestFinished(() => place.remove());
    return place;
  }

  test("parallel: branches run at the same time, each with what stands before it, and give their outputs by name", async () => {
    let together = 0;
    let most = 0;
    const meet = async () => {
      together += 1;
      most = Math.max(most, together);
      await delay(50);
      together -= 1;
    };
    const flow = defineWorkflow({ name: "demo.parallel" })
      .step("list", () => ["a", "b"])
      .parallel("both", (block) => ({
        one: async ({ outputs }) => {
          await meet();
          return outputs.list.length;
        },
        two: block
          .step("fetch", async ({ outputs }) => {
            await meet();
            return outputs.list.join();
          })
          .step("last", ({ outputs }) => ({ of: outputs.fetch, before: outputs.list.length })),
      }))
      .step("end", ({ outputs }) => outputs.both.two.of);
    const spine = await startAt(await placed(), [flow]);
    const { outputs } = await (await spine.run(flow, {})).result();
    expect(outputs).toEqual({
      list: ["a", "b"],
      both: { one: 2, two: { of: "a,b", before: 2 } },
      end: "a,b",
    });
    expect(most).toBe(2);
  });

  test("parallel: when a branch fails for good the others are aborted and CANCELLED, and the run fails with its error", async () => {
    let aborted = "";
    const flow = defineWorkflow({ name: "demo.siblings" }).parallel("p", {
      bad: async () => {
        await delay(30);
        throw new Error("no such file");
      },
      slow: async ({ signal }) => {
        await delay(20_000, undefined, { signal }).catch((error: Error) => {
          aborted = error.name;
          throw error;
        });
      },
    });
    const spine = await startAt(await placed(), [flow]);
    const run = await spine.run(flow, {});
    await expect(run.result()).rejects.toMatchObject({
      code: "STEP_FAILED",
      message: expect.stringContaining("no such file") as string,
    });
    expect(aborted).toBe("AbortError");
    expect(await stepsOf(spine, run.id)).toEqual(["p 1 FAILED", "p/bad 1 FAILED", "p/slow 1 CANCELLED"]);
  });

  test("parallel and map that collect say of each how it ended", async () => {
    const flow = defineWorkflow({ name: "demo.collect" })
      .parallel("p", { good: () => 1, bad: () => Promise.reject(new Error("bad")) }, { collect: true })
      .map("m", {
        over: () => [1, 2],
        collect: true,
        run: ({ item }) => {
          if (item === 1) throw new Error("one");
          return item;
        },
      });
    const spine = await startAt(await placed(), [flow]);
    const { outputs } = await (await spine.run(flow, {})).result();
    expect(outputs).toMatchObject({
      p: {
        good: { status: "COMPLETED", output: 1 },
        bad: { status: "FAILED", error: { code: "STEP_FAILED" } },
      },
      m: [
        { status: "FAILED", error: { message: expect.stringContaining("one") as string } },
        { status: "COMPLETED", output: 2 },
      ],
    });
  });

  test("map: at most so many at a time, results in the order of the items, keys of any text", async () => {
    let now = 0;
    let most = 0;
    const items = Array.from({ length: 20 }, (_, index) => ({ id: `v/${index}%`, wait: 20 - index }));
    const flow = defineWorkflow({ name: "demo.map" }).map("each", {
      over: () => items,
      key: ({ id }) => id,
      concurrency: 3,
      run: async ({ item, key, index }) => {
        now += 1;
        most = Math.max(most, now);
        await delay(item.wait);
        now -= 1;
        return `${key} ${index}`;
      },
    });
    const spine = await startAt(await placed(), [flow]);
    const { outputs } = await (await spine.run(flow, {})).result();
    expect(outputs.each).toEqual(items.map(({ id }, index) => `${id} ${index}`));
    expect(most).toBe(3);
  });

  test("map: a run that is retried repeats what failed only, with the list that it had", async () => {
    let lists = 0;
    let broken = true;
    const done: string[] = [];
    const flow = defineWorkflow({ name: "demo.resume" }).map("each", {
      over: () => {
        lists += 1;
        return lists === 1 ? ["a", "b", "c"] : ["other"];
      },
      key: (item) => item,
      concurrency: 1,
      run: ({ item }) => {
        if (item === "b" && broken) throw new Error("b is broken");
        done.push(item);
        return item.toUpperCase();
      },
    });
    const spine = await startAt(await placed(), [flow]);
    const run = await spine.run(flow, {});
    await expect(run.result()).rejects.toThrow("b is broken");
    broken = false;
    const { outputs } = await (await spine.retry(run.id)).result();
    expect([outputs, lists, done]).toEqual([{ each: ["A", "B", "C"] }, 1, ["a", "b", "c"]]);
  });

  test.each([
    ["no list", () => "abc", /not a list/],
    ["two items of one key", () => ["a", "a"], /two of its items have the key "a"/],
    ["a key that is none", () => [""], /the key of item 0 is ""/],
  ])("map: refuses %s", async (_what, over, message) => {
    const flow = defineWorkflow({
      name: "demo.refused",
      steps: [
        Step.map(
          "m",
          over,
          Step.lambda("each", () => 1),
          { key: (item) => item as string },
        ),
      ],
    });
    const spine = await startAt(await placed(), [flow]);
    const run = await spine.run(flow, {});
    await expect(run.result()).rejects.toMatchObject({ code: "PAYLOAD_INVALID", message });
  });

  test("steps inside of steps inside of steps, empty lists, and what runs inside of an item sees its item", async () => {
    const flow = defineWorkflow({ name: "demo.nested" })
      .map("outer", {
        over: () => [1, 2],
        steps: (block) =>
          block
            .step("double", ({ item }) => item * 2)
            .parallel("p", (inner) => ({
              same: ({ item }) => item,
              many: inner.map("inner", {
                over: ({ outputs }) => Array.from({ length: outputs.double }, (_, index) => index),
                run: ({ item, outputs }) => item + outputs.double,
              }),
            })),
      })
      .map("none", { over: () => [], run: () => 1 });
    const spine = await startAt(await placed(), [flow]);
    const { outputs } = await (await spine.run(flow, {})).result();
    expect(outputs).toEqual({
      outer: [
        { same: 1, many: [2, 3] },
        { same: 2, many: [4, 5, 6, 7] },
      ],
      none: [],
    });
  });

  test("map: keys that no database takes, and paths too long for an index, are the step's failure", async () => {
    const nested = (key: string) =>
      defineWorkflow({ name: "demo.keys" }).map("m", {
        over: () => [1],
        key: () => key,
        steps: (block) =>
          block.map("n", {
            over: () => [1],
            key: () => key,
            steps: (inner) =>
              inner.map("o", {
                over: () => [1],
                key: () => key,
                run: async ({ step, checkpoint }) => await checkpoint("k".repeat(200), () => step.length),
              }),
          }),
      });
    const place = await placed();
    const faults = ["a\0b", "a\ud800", "", "\u4e01".repeat(200), "x".repeat(201), "/".repeat(200)];
    for (const key of faults) {
      const flow = nested(key);
      const spine = await startAt(place, [flow]);
      const run = await spine.run(flow, {});
      await expect(run.result()).rejects.toMatchObject({ code: "PAYLOAD_INVALID" });
      expect((await spine.get(run.id)).run.status).toBe("FAILED");
      await spine.stop();
    }
    const longest = nested("\u4e01".repeat(170));
    const spine = await startAt(place, [longest]);
    expect((await (await spine.run(longest, {})).result()).outputs).toEqual({ m: [[[518]]] });
  });

  test("choice and when: the steps that were chosen, and no others", async () => {
    const flow = defineWorkflow({ name: "demo.choice", params: z.object({ rows: z.number() }) })
      .choice(
        "path",
        ({ params }) => (params.rows > 10 ? "bulk" : "single"),
        (block) => ({
          bulk: block.step("copy", () => "copied").step("count", ({ outputs }) => outputs.copy.length),
          single: () => "inserted",
        }),
      )
      .when(
        "warn",
        ({ params }) => params.rows > 100,
        (block) => block.step("say", () => "many"),
      )
      .step("only", () => 1, { when: ({ params }) => params.rows > 100 });
    const spine = await startAt(await placed(), [flow]);
    const few = await spine.run(flow, { rows: 1 });
    const many = await spine.run(flow, { rows: 1_000 });
    expect((await few.result()).outputs).toEqual({ path: "inserted" });
    expect((await many.result()).outputs).toEqual({ path: 6, warn: "many", only: 1 });
    expect(await stepsOf(spine, few.id)).toEqual([
      "path 1 COMPLETED",
      "path/single 1 COMPLETED",
      "warn 1 SKIPPED",
      "only 1 SKIPPED",
    ]);
  });

  test("choice: a case that there is not is the step's failure", async () => {
    const flow = defineWorkflow({
      name: "demo.nocase",
      steps: [Step.choice("c", () => "x", [Step.lambda("a", () => 1)])],
    });
    const spine = await startAt(await placed(), [flow]);
    const run = await spine.run(flow, {});
    await expect(run.result()).rejects.toMatchObject({ code: "WORKFLOW_INVALID", message: /chose "x".*"a"/ });
  });

  test("choice: once the code is mended, a retry asks for the case again", async () => {
    let answer = "typo";
    const flow = defineWorkflow({ name: "demo.typo" }).choice("way", () => answer as "a", { a: () => 1 });
    const spine = await startAt(await placed(), [flow]);
    const run = await spine.run(flow, {});
    await expect(run.result()).rejects.toMatchObject({ code: "WORKFLOW_INVALID" });
    answer = "a";
    await spine.retry(run.id);
    expect((await (await spine.attach(run.id)).result()).outputs).toEqual({ way: 1 });
  });

  test("steps that end as they begin: without branches or items, first, alone, last, inside of each other", async () => {
    const flow = defineWorkflow({ name: "demo.nothing" })
      .parallel("first", {})
      .step("step", () => 1)
      .parallel("second", (block) => ({
        a: block.parallel("b", {}),
        c: block.parallel("d", (inner) => ({ e: inner.parallel("f", {}) })),
      }))
      .map("none", { over: () => [] as number[], steps: (block) => block.parallel("p", {}) })
      .map("two", { over: () => [1, 2], steps: (block) => block.parallel("p", {}) })
      .parallel("last", {});
    const alone = defineWorkflow({ name: "demo.alone" }).parallel("only", {});
    const spine = await startAt(await placed(), [flow, alone]);
    const outputs = {
      first: {},
      step: 1,
      second: { a: {}, c: { e: {} } },
      none: [],
      two: [{}, {}],
      last: {},
    };
    // At once, and claimed.
    const runs = [await spine.run(flow, {}), await spine.run(flow, {}, { delay: 1 })];
    for (const run of runs) {
      expect((await run.result()).outputs).toEqual(outputs);
      const { steps } = await spine.get(run.id);
      expect(steps.map(({ attempt, status }) => `${attempt} ${status}`)).toEqual(
        steps.map(() => "1 COMPLETED"),
      );
    }
    const single = [await spine.run(alone, {}), await spine.run(alone, {}, { delay: 1 })];
    for (const run of single) expect((await run.result()).outputs).toEqual({ only: {} });
  });

  test("a deadline that is over as the run starts", async () => {
    const flow = defineWorkflow({ name: "demo.no-time" }).step("never", () => 1);
    const spine = await startAt(await placed(), [flow]);
    const run = await spine.run(flow, {}, { deadline: 0 });
    await expect(run.result()).rejects.toMatchObject({ code: "RUN_DEADLINE" });
    expect((await spine.get(run.id)).steps).toEqual([]);
  });

  test("onError: the run goes on without the step, after all its attempts", async () => {
    const flow = defineWorkflow({ name: "demo.goes-on" })
      .step("bad", () => Promise.reject(new TransientError("busy")), {
        onError: "continue",
        retry: { attempts: 2, delay: 10 },
      })
      .step("end", ({ outputs }) => outputs.bad === undefined);
    const spine = await startAt(await placed(), [flow]);
    const run = await spine.run(flow, {});
    expect((await run.result()).outputs).toEqual({ end: true });
    expect(await stepsOf(spine, run.id)).toEqual(["bad 1 FAILED", "bad 2 FAILED", "end 1 COMPLETED"]);
  });

  test("undo: what was finished is taken back, the newest first, and a retry does it again", async () => {
    const did: string[] = [];
    let broken = true;
    const flow = defineWorkflow({ name: "demo.undo" })
      .step("a", () => did.push("a"), { undo: ({ output }) => did.push(`undo a ${output}`) })
      .parallel("p", (block) => ({
        b: block.step("inner", () => did.push("b"), {
          undo: () => {
            did.push("undo b");
          },
        }),
      }))
      .step("c", () => {
        if (broken) throw new Error("c is broken");
      });
    const spine = await startAt(await placed(), [flow]);
    const run = await spine.run(flow, {});
    await expect(run.result()).rejects.toMatchObject({ code: "STEP_FAILED", context: { step: "c" } });
    expect(did).toEqual(["a", "b", "undo b", "undo a 1"]);
    expect((await stepsOf(spine, run.id)).slice(-2)).toEqual([
      "undo/p/b/inner 1 COMPLETED",
      "undo/a 1 COMPLETED",
    ]);
    broken = false;
    await (await spine.retry(run.id)).result();
    expect(did.slice(4)).toEqual(["a", "b"]);
  });

  test("undo: one that fails for good does not keep the others from it, and the error says so", async () => {
    const did: string[] = [];
    const flow = defineWorkflow({ name: "demo.undo-fails" })
      .step("a", () => 1, { undo: () => did.push("undo a") })
      .step("b", () => 1, { undo: () => Promise.reject(new Error("cannot")) })
      .step("c", () => Promise.reject(new Error("broken")));
    const spine = await startAt(await placed(), [flow]);
    await expect((await spine.run(flow, {})).result()).rejects.toMatchObject({
      message: expect.stringContaining("broken") as string,
      context: { not_undone: "b" },
    });
    expect(did).toEqual(["undo a"]);
  });

  test("outputs are frozen, whoever asks for them", async () => {
    const flow = defineWorkflow({ name: "demo.frozen" }).step("one", () => ({ list: [{ n: 1 }] }));
    const spine = await startAt(await placed(), [flow]);
    const run = await spine.run(flow, {});
    const here = (await run.result()).outputs;
    const read = (await (await spine.attach(run.id)).result()).outputs as typeof here;
    expect(read).toEqual(here);
    for (const outputs of [here, read]) {
      expect([outputs, outputs.one, outputs.one.list, outputs.one.list[0]].every(Object.isFrozen)).toBe(true);
    }
  });

  test("a checkpoint that nobody awaited is refused after the end of its run, and says so", async () => {
    const ended = Promise.withResolvers<void>();
    let late: Promise<unknown> | undefined;
    const flow = defineWorkflow({ name: "demo.late" }).step("one", ({ checkpoint }) => {
      late = ended.promise.then(() => checkpoint("part", () => 1));
      late.catch(() => {});
      return 1;
    });
    const spine = await startAt(await placed(), [flow]);
    await (await spine.run(flow, {})).result();
    ended.resolve();
    await expect(late).rejects.toMatchObject({
      code: "FENCED",
      message: expect.stringMatching(/This run has ended; nothing was written.*awaited/) as string,
    });
  });

  test("a run whose deadline is over fails, whether it works or waits", async () => {
    const works = defineWorkflow({ name: "demo.works", deadline: 200 }).step("long", async ({ signal }) => {
      await delay(20_000, undefined, { signal });
    });
    const waits = defineWorkflow({ name: "demo.waits" }).wait("for", { for: "1h" });
    const spine = await startAt(await placed(), [works, waits]);
    const runs = [await spine.run(works, {}), await spine.run(waits, {}, { deadline: 200 })];
    for (const run of runs) await expect(run.result()).rejects.toMatchObject({ code: "RUN_DEADLINE" });
    expect(await stepsOf(spine, runs[0]?.id ?? "")).toEqual(["long 1 CANCELLED"]);
  });
});
