// What operators do to runs, on both databases.
import { setTimeout as delay } from "node:timers/promises";
import {
  createSpine,
  defineWorkflow,
  Step,
  silentLogger,
  type WhenChanged,
  type WorkflowData,
} from "spine-core";
import { type Mortal, mortal } from "spine-core/testing";
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
  const statusOf = async (spine: Awaited<ReturnType<typeof startAt>>, runId: string) =>
    (await spine.get(runId)).run.status;

  test("pause stops a run at work, in the queue and in a wait; resume goes on from the checkpoints", async () => {
    const did: string[] = [];
    let slow = true;
    const works = defineWorkflow({ name: "demo.works" }).step("work", async ({ checkpoint, signal }) => {
      await checkpoint("part", () => did.push("part"));
      if (slow) await delay(20_000, undefined, { signal });
      return "done";
    });
    const queued = defineWorkflow({ name: "demo.queued", queue: "q" }).step("one", () => 1);
    const waits = defineWorkflow({ name: "demo.waits" }).wait("for", { for: 1_000 });
    const spine = await startAt(await placed(), [works, queued, waits]);
    const at = await spine.run(works, {});
    const inQueue = await spine.run(queued, {}, { delay: "1h" });
    const inWait = await spine.run(waits, {});
    await expect.poll(() => did.length, { timeout: 10_000 }).toBe(1);
    await expect.poll(() => statusOf(spine, inWait.id), { timeout: 10_000 }).toBe("WAITING");
    for (const { id } of [at, inQueue, inWait]) await spine.pause(id);
    for (const { id } of [at, inQueue, inWait]) expect(await statusOf(spine, id)).toBe("PAUSED");
    await expect(spine.pause(at.id)).rejects.toMatchObject({ code: "RUN_CONFLICT" });
    slow = false;
    for (const { id } of [at, inQueue, inWait]) await spine.resume(id);
    expect((await at.result()).outputs).toEqual({ work: "done" });
    await inQueue.result();
    await inWait.result();
    expect(did).toEqual(["part"]);
    expect(await stepsOf(spine, at.id)).toEqual(["work 1 CANCELLED", "work 2 COMPLETED"]);
  });

  test("a wait that was paused keeps its time", async () => {
    const flow = defineWorkflow({ name: "demo.keeps" }).wait("for", { for: 700 });
    const spine = await startAt(await placed(), [flow]);
    const begun = Date.now();
    const run = await spine.run(flow, {});
    await expect.poll(() => statusOf(spine, run.id), { timeout: 10_000 }).toBe("WAITING");
    await spine.pause(run.id);
    const [first] = (await spine.get(run.id)).steps;
    await delay(800);
    await spine.resume(run.id);
    await run.result();
    expect(first?.status).toBe("CANCELLED");
    expect(Date.now() - begun).toBeLessThan(20_000);
    expect(await stepsOf(spine, run.id)).toEqual(["for 1 CANCELLED", "for 2 COMPLETED"]);
  });

  test("cancel undoes what was done, then the run is CANCELLED", async () => {
    const did: string[] = [];
    const flow = defineWorkflow({ name: "demo.cancel" })
      .step("a", () => 1, { undo: () => did.push("undo a") })
      .wait("for", { for: "1h" });
    const spine = await startAt(await placed(), [flow]);
    const run = await spine.run(flow, {});
    await expect.poll(() => statusOf(spine, run.id), { timeout: 10_000 }).toBe("WAITING");
    await spine.cancel(run.id);
    await expect(run.result()).rejects.toMatchObject({ code: "RUN_CANCELLED" });
    expect([did, await statusOf(spine, run.id)]).toEqual([["undo a"], "CANCELLED"]);
  });

  test("a run that another process took out of this one's hands, and that came back at once: its earlier code is aborted, and who waits is told", async () => {
    const aborted: string[] = [];
    const hangs = defineWorkflow({ name: "demo.back" })
      .step("a", () => 1, { undo: () => 0 })
      .step("work", async ({ runId, attempt, signal }) => {
        await delay(attempt === 1 ? 20_000 : 0, undefined, { signal }).catch(() => aborted.push(runId));
      });
    const place = await placed();
    const spine = await startAt(place, [hangs]);
    const other = await startAt(place, [], { worker: false });
    const begun = async () => {
      const run = await spine.run(hangs, {});
      await expect.poll(() => stepsOf(spine, run.id)).toContain("work 1 RUNNING");
      return run;
    };
    const cancelled = await begun();
    const rejected = expect(cancelled.result()).rejects.toMatchObject({ code: "RUN_CANCELLED" });
    await other.cancel(cancelled.id);
    await rejected;
    const resumed = await begun();
    const result = resumed.result();
    await other.pause(resumed.id);
    await other.resume(resumed.id);
    expect((await result).outputs).toEqual({ a: 1, work: null });
    await expect.poll(() => aborted).toEqual([cancelled.id, resumed.id]);
  });

  test("rerun: a new run, linked, with other parameters and the results of the steps before", async () => {
    const did: string[] = [];
    const flow = defineWorkflow({ name: "demo.rerun", params: z.object({ n: z.number() }) })
      .step("a", ({ params }) => did.push(`a${params.n}`))
      .map("m", { over: () => [1, 2], run: ({ item }) => item * 10 })
      .step("b", ({ params, outputs }) => {
        did.push(`b${params.n}`);
        return [outputs.m, params.n];
      });
    const spine = await startAt(await placed(), [flow]);
    const first = await spine.run(flow, { n: 1 });
    await first.result();
    const second = await spine.rerun(first.id, { from: "b", params: { n: 2 } });
    expect((await second.result()).outputs).toEqual({ a: 1, m: [10, 20], b: [[10, 20], 2] });
    const third = await spine.rerun(first.id, { deadline: "1h" });
    await third.result();
    const { createdAt, deadline } = (await spine.get(third.id)).run;
    expect((Date.parse(deadline ?? "") - Date.parse(createdAt)) / 3_600_000).toBeCloseTo(1, 2);
    expect(did).toEqual(["a1", "b1", "b2", "a1", "b1"]);
    expect([(await spine.get(second.id)).run.rerunOf, first.id === second.id]).toEqual([first.id, false]);
    await expect(spine.rerun(first.id, { from: "nope" })).rejects.toMatchObject({
      code: "VALIDATION_FAILED",
    });
    await expect(spine.rerun(first.id, { params: { n: "x" } })).rejects.toMatchObject({
      code: "VALIDATION_FAILED",
    });
  });

  test("controlAll: only when as many runs are found as were expected", async () => {
    const flow = defineWorkflow({ name: "demo.bulk", queue: "q" }).step("one", () => 1);
    const spine = await startAt(await placed(), [flow], { worker: false });
    const runs = await spine.runMany(
      flow,
      Array.from({ length: 5 }, () => ({ params: {}, tags: ["t"] })),
    );
    await expect(spine.controlAll({ tag: "t" }, "cancel", { expect: 4 })).rejects.toMatchObject({
      code: "RUN_CONFLICT",
      message: /more than 4/,
    });
    await expect(spine.controlAll({ tag: "t" }, "cancel", { expect: 6 })).rejects.toMatchObject({
      code: "RUN_CONFLICT",
      message: /finds 5/,
    });
    const { changed, refused } = await spine.controlAll({ tag: "t" }, "cancel", { expect: 5 });
    expect([[...changed].sort(), refused]).toEqual([runs.map(({ id }) => id).sort(), []]);
    const again = await spine.controlAll({ tag: "t" }, "retry", { expect: 5 });
    expect(again.changed).toHaveLength(5);
  });

  test("debounce: starts in quick succession are one run, with the last parameters", async () => {
    const flow = defineWorkflow({ name: "demo.debounce", params: z.object({ n: z.number() }) }).step(
      "n",
      ({ params }) => params.n,
    );
    const spine = await startAt(await placed(), [flow]);
    const options = { debounce: { key: "d", wait: 1_500, longest: "10s" } } as const;
    const runs = [];
    for (const n of [1, 2, 3]) runs.push(await spine.run(flow, { n }, options));
    expect(new Set(runs.map(({ id }) => id)).size).toBe(1);
    expect((await runs[0]?.result())?.outputs).toEqual({ n: 3 });
    const next = await spine.run(flow, { n: 4 }, options);
    expect(next.id).not.toBe(runs[0]?.id);
    await expect(spine.run(flow, { n: 5 }, { ...options, key: "k" })).rejects.toMatchObject({
      code: "VALIDATION_FAILED",
    });
  });

  test("a workflow that changed: strict says what, pin waits for its version, adopt goes on by name", async () => {
    const place = await placed();
    const version = (whenChanged: WhenChanged, later: boolean): WorkflowData => {
      const a = Step.lambda("a", () => "a");
      const go = Step.wait("go", { signal: "go" });
      const steps = later
        ? [a, Step.lambda("between", () => "new"), go]
        : [a, go, Step.lambda("b", () => "b")];
      return defineWorkflow({ name: `demo.${whenChanged}`, whenChanged, steps });
    };
    const kinds = ["strict", "pin", "adopt"] as const;
    const old = await startAt(
      place,
      kinds.map((kind) => version(kind, false)),
    );
    const runs = await Promise.all(kinds.map((kind) => old.run(`demo.${kind}`, {})));
    for (const { id } of runs)
      await expect.poll(() => statusOf(old, id), { timeout: 10_000 }).toBe("WAITING");
    await old.stop();

    const next = await startAt(
      place,
      kinds.map((kind) => version(kind, true)),
    );
    for (const { id } of runs) await next.signal(id, "go", 1);
    const [strict, pinned, adopted] = await Promise.all(runs.map(({ id }) => next.attach(id)));
    await expect(strict?.result()).rejects.toMatchObject({
      code: "WORKFLOW_CHANGED",
      detail: { recorded: ["a", "go"], declared: ["a", "between", "go"], added: ["between"], removed: [] },
    });
    expect((await adopted?.result())?.outputs).toEqual({ a: "a", between: "new", go: 1 });
    expect(await statusOf(next, pinned?.id ?? "")).toBe("WAITING");

    // The version that it has comes back, beside the new one.
    const third = await startAt(place, [version("pin", false)]);
    expect((await (await third.attach(pinned?.id ?? "")).result()).outputs).toEqual({
      a: "a",
      go: 1,
      b: "b",
    });
  });

  test("a run that ends every process is kept away from them, until it is retried", async () => {
    const place = await placed();
    let life: Mortal | undefined;
    const flow = defineWorkflow({ name: "demo.poison" }).step("bad", () => life?.die() ?? "done");
    const options = { workflows: [flow], logger: silentLogger, maxCrashes: 1 };
    let runId = "";
    for (let deaths = 0; deaths < 2; deaths += 1) {
      life = mortal(place.database());
      const spine = createSpine({ database: life.database, ...options });
      // The first one starts the run, the second one takes it over: at work on it, each dies.
      if (runId === "") {
        const observer = await startAt(place, [flow], { worker: false });
        runId = (await observer.run(flow, {})).id;
      }
      await life.dead;
      void spine.catch(() => {});
    }
    life = undefined;
    const third = await startAt(place, [flow], { maxCrashes: 1 });
    await expect((await third.attach(runId)).result()).rejects.toMatchObject({
      code: "POISONED",
      message: /2 processes ended.*step "bad"/,
    });
    expect((await (await third.retry(runId)).result()).outputs).toEqual({ bad: "done" });
  });
});
