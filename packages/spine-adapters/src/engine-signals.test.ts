// What is sent to a run: in time or too late, to the right step or to none, on both databases.
import { setTimeout as delay } from "node:timers/promises";
import { defineWorkflow, type Spine, SpineError } from "spine-core";
import { describe, expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { PLACES } from "./testing/places.ts";
import { startAt } from "./testing/start-spine.ts";

/** Long enough for a signal to be sent before it is over. */
const TIMEOUT_MS = 4_000;

/** The code of the error; null for none. */
async function codeOf(work: Promise<unknown>): Promise<string | null> {
  try {
    await work;
    return null;
  } catch (error) {
    return SpineError.from(error).code;
  }
}

describe.each(PLACES)("%s", { timeout: 60_000 }, (_name, open) => {
  async function placed() {
    const place = await open();
    onTestFinished(() => place.remove());
    return place;
  }
  async function untilWaiting(spine: Spine, runId: string, step?: string) {
    const waits = async () => {
      const { run, steps } = await spine.get(runId);
      return run.status === "WAITING" && (step === undefined || steps.some(({ name }) => name === step));
    };
    await expect.poll(waits, { timeout: 10_000 }).toBe(true);
  }

  test("an approval and signals that come in time count, though no process is there until it is over", async () => {
    const flow = defineWorkflow({ name: "demo.in-time" }).parallel("all", (block) => ({
      each: block.map("items", {
        over: () => [1, 2],
        steps: (inner) => inner.wait("go", { signal: "go", schema: z.number(), timeout: TIMEOUT_MS }),
      }),
      review: block.wait("ada", { approval: true, timeout: TIMEOUT_MS }),
    }));
    const place = await placed();
    const sender = await startAt(place, [flow], { worker: false });
    const first = await startAt(place, [flow]);
    const run = await first.run(flow, {});
    await untilWaiting(first, run.id, "all/each/items/1/go");
    await first.stop();
    await sender.signal(run.id, "go", 1);
    await sender.signal(run.id, "go", 2);
    await sender.approve(run.id, "all/review/ada", { by: "Ada" });
    await delay(TIMEOUT_MS);
    const second = await startAt(place, [flow]);
    expect((await (await second.attach(run.id)).result()).outputs).toEqual({
      all: { each: [1, 2], review: { approved: true, by: "Ada" } },
    });
  });

  test("they count while the only place of the process is taken, and while the run is paused", async () => {
    const flow = defineWorkflow({ name: "demo.busy" }).wait("review", {
      approval: true,
      timeout: TIMEOUT_MS,
    });
    const other = defineWorkflow({ name: "demo.other" }).step("work", () => delay(1.5 * TIMEOUT_MS));
    const spine = await startAt(await placed(), [flow, other], { concurrency: 1 });
    const run = await spine.run(flow, {});
    const paused = await spine.run(flow, {});
    await untilWaiting(spine, run.id);
    await untilWaiting(spine, paused.id);
    await spine.pause(paused.id);
    const busy = await spine.run(other, {});
    await spine.approve(run.id, "review");
    await spine.approve(paused.id, "review");
    await busy.result();
    await spine.resume(paused.id);
    expect((await run.result()).outputs).toEqual({ review: { approved: true } });
    expect((await paused.result()).outputs).toEqual({ review: { approved: true } });
  });

  test("one that comes too late is not taken, and is there for the next step that waits for it", async () => {
    const flow = defineWorkflow({ name: "demo.late" })
      .wait("first", { signal: "go", timeout: 50, onError: "continue" })
      .wait("second", { signal: "go" });
    const place = await placed();
    const first = await startAt(place, [flow]);
    const run = await first.run(flow, {});
    await untilWaiting(first, run.id, "first");
    await first.stop();
    await delay(200);
    const sender = await startAt(place, [flow], { worker: false });
    await sender.signal(run.id, "go", "late");
    const second = await startAt(place, [flow]);
    expect((await (await second.attach(run.id)).result()).outputs).toEqual({ second: "late" });
  });

  test("two steps that wait for one name: each takes what fits it", async () => {
    const flow = defineWorkflow({ name: "demo.two" }).parallel("both", (block) => ({
      number: block.wait("n", { signal: "go", schema: z.number() }),
      text: block.wait("t", { signal: "go", schema: z.string() }),
    }));
    const spine = await startAt(await placed(), [flow]);
    const run = await spine.run(flow, {});
    await untilWaiting(spine, run.id);
    expect(await codeOf(spine.signal(run.id, "go", true))).toBe("SIGNAL_INVALID");
    await spine.signal(run.id, "go", "a text");
    await spine.signal(run.id, "go", 7);
    expect((await run.result()).outputs).toEqual({ both: { number: 7, text: "a text" } });
  });

  test("a payload is what JSON gives back, for the sender as for the step; without one, it may be left out", async () => {
    const flow = defineWorkflow({ name: "demo.payloads" })
      .wait("at", { signal: "at", schema: z.coerce.date() })
      .wait("note", { signal: "note", schema: z.string().optional() })
      .wait("day", { signal: "day", schema: z.date() })
      .wait("later", { signal: "later", schema: z.string().refine(async (text) => text !== "") });
    const spine = await startAt(await placed(), [flow]);
    const run = await spine.run(flow, {});
    const at = new Date(0);
    await spine.signal(run.id, "at", at);
    await spine.signal(run.id, "note");
    await untilWaiting(spine, run.id, "day");
    // What the step could not take is not accepted: a Date is a text by then, and nothing waits for a promise.
    expect(await codeOf(spine.signal(run.id, "day", at))).toBe("SIGNAL_INVALID");
    await expect(spine.signal(run.id, "later", "x")).rejects.toMatchObject({
      code: "SIGNAL_INVALID",
      message: /synchronous/,
    });
    expect((await spine.get(run.id)).steps.map(({ output }) => output)).toEqual([
      at.toISOString(),
      null,
      null,
    ]);
  });

  test("an approval goes to a step that there can be, and says yes or no", async () => {
    const flow = defineWorkflow({ name: "demo.reviews" }).map("venues", {
      over: () => ["a", "b/c"],
      key: (item) => item,
      steps: (block) => block.wait("review", { approval: true }),
    });
    const spine = await startAt(await placed(), [flow]);
    const run = await spine.run(flow, {});
    await untilWaiting(spine, run.id);
    for (const path of ["review", "zzz/review/yyy", "venues/a", "venues/b/c/review", "undo/review"]) {
      expect([path, await codeOf(spine.approve(run.id, path))]).toEqual([path, "VALIDATION_FAILED"]);
    }
    expect(await codeOf(spine.signal(run.id, "venues/a/review", "yes"))).toBe("SIGNAL_INVALID");
    expect(await codeOf(spine.signal(run.id, "venues/a/review"))).toBe("SIGNAL_INVALID");
    await spine.approve(run.id, "venues/a/review");
    await spine.approve(run.id, "venues/b%2Fc/review", { by: "me" });
    expect((await run.result()).outputs).toEqual({
      venues: [{ approved: true }, { approved: true, by: "me" }],
    });
  });

  test("an approval finds its step however long the path of that is", async () => {
    const key = "k".repeat(200);
    const flow = defineWorkflow({ name: "demo.far" }).map("venues", {
      over: () => [1],
      key: () => key,
      steps: (block) =>
        block.map("tiers", {
          over: () => [1],
          key: () => key,
          steps: (inner) => inner.wait("review", { approval: true }),
        }),
    });
    const spine = await startAt(await placed(), [flow]);
    const run = await spine.run(flow, {});
    await spine.approve(run.id, `venues/${key}/tiers/${key}/review`);
    expect((await run.result()).outputs).toEqual({ venues: [[{ approved: true }]] });
  });
});
