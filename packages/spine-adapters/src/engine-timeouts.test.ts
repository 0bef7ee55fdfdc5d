// Timeouts of steps around others and of children, on both databases.
import { setTimeout as delay } from "node:timers/promises";
import { createSpine, defineWorkflow, silentLogger } from "spine-core";
import { TestClock } from "spine-core/testing";
import { describe, expect, onTestFinished, test } from "vitest";
import { PLACES } from "./testing/places.ts";
import { startAt, stepsOf } from "./testing/start-spine.ts";

const HOUR_MS = 3_600_000;
const forever = defineWorkflow({ name: "demo.forever" }).wait("for", { for: "2h" });
const quick = defineWorkflow({ name: "demo.quick" }).step("one", () => 1);

describe.each(PLACES)("%s", (_name, open) => {
  async function placed() {
    const place = await open();
    onTestFinished(() => place.remove());
    return place;
  }

  test("what is inside of a step whose time is over is aborted and cancelled, children with it; onError decides about the run", async () => {
    const aborted: string[] = [];
    const hang = async ({ step, signal }: { readonly step: string; readonly signal: AbortSignal }) => {
      await delay(20_000, undefined, { signal }).catch(() => aborted.push(step));
    };
    const branches = defineWorkflow({ name: "demo.branches" })
      .parallel(
        "p",
        (block) => ({
          done: () => 1,
          code: hang,
          waits: block.wait("go", { signal: "go" }),
          child: block.pipeline("run", { run: forever, params: () => ({}) }),
        }),
        { timeout: "1h", onError: "continue" },
      )
      .step("end", ({ outputs }) => outputs.p === undefined);
    const items = defineWorkflow({ name: "demo.items" }).map("m", {
      over: () => [1, 2, 3],
      concurrency: 2,
      timeout: "1h",
      run: hang,
    });
    const cases = defineWorkflow({ name: "demo.cases" }).choice(
      "c",
      () => "b",
      (block) => ({ b: block.wait("for", { for: "2h" }) }),
      { timeout: "1h" },
    );
    const child = defineWorkflow({ name: "demo.child" }).pipeline("run", {
      run: forever,
      params: () => ({}),
      timeout: "1h",
    });
    const inTime = defineWorkflow({ name: "demo.in-time" })
      .pipeline("run", { run: quick, params: () => ({}), timeout: "1h" })
      .parallel("p", { one: () => 1 }, { timeout: "1h" });
    const clock = new TestClock();
    const spine = await startAt(await placed(), [branches, items, cases, child, inTime, forever], { clock });
    const runs = [
      await spine.run(branches, {}),
      await spine.run(items, {}),
      await spine.run(cases, {}),
      await spine.run(child, {}),
    ];
    const childOf = async (runId: string) => (await spine.history.list({ parentRunId: runId })).items[0];
    const [ofBranches = "", ofItems = "", ofCases = "", ofChild = ""] = runs.map(({ id }) => id);
    const underWay = async () => {
      const all = await Promise.all(runs.map((run) => stepsOf(spine, run.id)));
      return all.flat().filter((step) => !/^(m|p|c|p.child) 1 RUNNING$/.test(step));
    };
    await expect
      .poll(underWay, { timeout: 10_000 })
      .toEqual([
        "p/done 1 COMPLETED",
        "p/code 1 RUNNING",
        "p/waits/go 1 WAITING",
        "p/child/run 1 WAITING",
        "m/0 1 RUNNING",
        "m/1 1 RUNNING",
        "c/b/for 1 WAITING",
        "run 1 WAITING",
      ]);

    const ending = Promise.allSettled(runs.map((run) => run.result()));
    clock.advance(HOUR_MS);
    const ends = await ending;
    expect(ends[0]).toMatchObject({ status: "fulfilled", value: { outputs: { end: true } } });
    expect((await stepsOf(spine, ofBranches)).toSorted()).toEqual([
      "end 1 COMPLETED",
      "p 1 FAILED",
      "p/child/run 1 CANCELLED",
      "p/code 1 CANCELLED",
      "p/done 1 COMPLETED",
      "p/waits/go 1 CANCELLED",
    ]);
    expect(await stepsOf(spine, ofItems)).toEqual(["m 1 FAILED", "m/0 1 CANCELLED", "m/1 1 CANCELLED"]);
    expect(await stepsOf(spine, ofCases)).toEqual(["c 1 FAILED", "c/b/for 1 CANCELLED"]);
    expect(await stepsOf(spine, ofChild)).toEqual(["run 1 FAILED"]);
    for (const [n, step] of ["m", "c", "run"].entries()) {
      const reason = { code: "STEP_TIMEOUT", category: "TIMEOUT", context: { step, attempt: 1 } };
      expect(ends[n + 1]).toMatchObject({ status: "rejected", reason });
    }
    expect([(await childOf(ofBranches))?.status, (await childOf(ofChild))?.status]).toEqual([
      "CANCELLED",
      "CANCELLED",
    ]);
    expect(aborted.toSorted()).toEqual(["m/0", "m/1", "p/code"]);
    const done = await spine.run(inTime, {});
    expect((await done.result()).outputs).toEqual({ run: { one: 1 }, p: { one: 1 } });
  });

  test("the time goes on while nobody works on the run, and over who takes it", async () => {
    const clock = new TestClock();
    const place = await placed();
    const attempts: number[] = [];
    const flow = defineWorkflow({ name: "demo.taken" }).parallel(
      "p",
      (block) => ({
        code: async ({ attempt, signal }) => {
          attempts.push(attempt);
          await delay(20_000, undefined, { signal });
        },
        child: block.pipeline("run", {
          run: forever,
          params: () => ({}),
          timeout: "50m",
          onError: "continue",
        }),
      }),
      { timeout: "1h" },
    );
    const start = async () => {
      const spine = await createSpine({
        database: place.database(),
        workflows: [flow, forever],
        logger: silentLogger,
        clock,
      });
      onTestFinished(() => spine.stop());
      return spine;
    };
    const first = await start();
    const { id } = await first.run(flow, {});
    const underWay = async (spine: typeof first) =>
      (await stepsOf(spine, id)).filter((step) => /(RUNNING|WAITING)$/.test(step));
    await expect
      .poll(() => underWay(first), { timeout: 10_000 })
      .toEqual(["p 1 RUNNING", "p/code 1 RUNNING", "p/child/run 1 WAITING"]);
    await first.stop();

    clock.advance(HOUR_MS / 2);
    const second = await start();
    await expect
      .poll(() => underWay(second), { timeout: 10_000 })
      .toEqual(["p 2 RUNNING", "p/code 2 RUNNING", "p/child/run 2 WAITING"]);
    expect(attempts).toEqual([1, 2]);
    clock.advance(HOUR_MS / 2 - 1);
    await expect.poll(() => stepsOf(second, id), { timeout: 10_000 }).toContain("p/child/run 2 FAILED");
    expect((await second.get(id)).run.status).toBe("RUNNING");
    const run = await second.attach(id);
    const result = run.result();
    clock.advance(1);
    await expect(result).rejects.toMatchObject({ code: "STEP_TIMEOUT", context: { step: "p" } });
    // One child, that of the first attempt.
    expect((await second.history.list({ parentRunId: id })).items.map(({ status }) => status)).toEqual([
      "CANCELLED",
    ]);
  });

  test("what came for a step inside in time counts, however late it is looked at", async () => {
    const clock = new TestClock();
    const place = await placed();
    const flow = defineWorkflow({ name: "demo.came" }).parallel(
      "p",
      (block) => ({ a: block.wait("go", { signal: "go" }), b: block.wait("review", { approval: true }) }),
      { timeout: "1h" },
    );
    const first = await startAt(place, [flow], { clock });
    const ids = [(await first.run(flow, {})).id, (await first.run(flow, {})).id] as const;
    const status = async (id: string) => (await first.get(id)).run.status;
    await expect.poll(() => Promise.all(ids.map(status))).toEqual(["WAITING", "WAITING"]);
    await first.stop();
    const sender = await startAt(place, [flow], { clock, worker: false });
    await sender.signal(ids[0], "go", 7);
    await sender.approve(ids[0], "p/b/review", { by: "Ada" });
    // Only one of the two that the other waits for.
    await sender.signal(ids[1], "go", 7);
    clock.advance(2 * HOUR_MS);
    const second = await startAt(place, [flow], { clock });
    expect((await (await second.attach(ids[0])).result()).outputs).toEqual({
      p: { a: 7, b: { approved: true, by: "Ada" } },
    });
    await expect((await second.attach(ids[1])).result()).rejects.toMatchObject({
      code: "STEP_TIMEOUT",
      context: { step: "p" },
    });
  });
});
