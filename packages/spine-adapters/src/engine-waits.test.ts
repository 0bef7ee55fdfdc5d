// Waiting for times, signals, approvals and children, on both databases.
import { setTimeout as delay } from "node:timers/promises";
import { defineWorkflow } from "spine-core";
import { describe, expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { PLACES } from "./testing/places.ts";
import { startAt, stepsOf } from "./testing/start-spine.ts";

const go = defineWorkflow({ name: "demo.go" }).wait("go", {
  signal: "go",
  schema: z.object({ rows: z.number() }),
});
const child = defineWorkflow({ name: "demo.child", params: z.object({ of: z.string() }) }).step(
  "echo",
  ({ params }) => params.of,
);

describe.each(PLACES)("%s", (_name, open) => {
  async function placed() {
    const place = await open();
    onTestFinished(() => place.remove());
    return place;
  }
  async function untilWaiting(spine: Awaited<ReturnType<typeof startAt>>, runId: string) {
    await expect.poll(async () => (await spine.get(runId)).run.status, { timeout: 10_000 }).toBe("WAITING");
  }

  test("a time: the run leaves memory, and goes on when it is over", async () => {
    const flow = defineWorkflow({ name: "demo.sleep" })
      .wait("pause", { for: 300 })
      .wait("until", { until: () => new Date(Date.now() - 1_000) })
      .step("end", () => 1);
    const spine = await startAt(await placed(), [flow]);
    const begun = Date.now();
    const run = await spine.run(flow, {});
    await untilWaiting(spine, run.id);
    const [step] = (await spine.get(run.id)).steps;
    expect(step).toMatchObject({
      status: "WAITING",
      waitingFor: null,
      waitingUntil: expect.any(String) as string,
    });
    expect((await run.result()).outputs).toEqual({ pause: null, until: null, end: 1 });
    expect(Date.now() - begun).toBeGreaterThanOrEqual(300);
  });

  test.each(["2026-01-05T09:00:00", "2026-01-05", "2026-02-31T09:00:00Z"])(
    "a time that each process would read in its own zone, or no day has, is refused: %s",
    async (until) => {
      const flow = defineWorkflow({ name: "demo.zone" }).wait("until", { until: () => until });
      const spine = await startAt(await placed(), [flow]);
      await expect((await spine.run(flow, {})).result()).rejects.toMatchObject({
        code: "WORKFLOW_INVALID",
        message: expect.stringContaining("an ISO text with its zone") as string,
      });
    },
  );

  test("a signal that came before the step, one that comes while it waits, and one from another process", async () => {
    const place = await placed();
    const spine = await startAt(place, [go]);
    const early = await spine.run(go, {}, { delay: 300 });
    await spine.signal(early.id, "go", { rows: 1 });
    expect((await early.result()).outputs).toEqual({ go: { rows: 1 } });

    const late = await spine.run(go, {});
    await untilWaiting(spine, late.id);
    expect((await spine.get(late.id)).steps[0]?.waitingFor).toBe("signal go");
    await spine.signal(late.id, "go", { rows: 2 });
    expect((await late.result()).outputs).toEqual({ go: { rows: 2 } });

    const other = await startAt(place, [go], { worker: false });
    const elsewhere = await spine.run(go, {});
    await untilWaiting(spine, elsewhere.id);
    await other.signal(elsewhere.id, "go", { rows: 3 });
    expect((await elsewhere.result()).outputs).toEqual({ go: { rows: 3 } });
  });

  test("each signal is taken once, in the order in which they came; sent twice with one id, it is one", async () => {
    const flow = defineWorkflow({ name: "demo.several" })
      .wait("first", { signal: "n", schema: z.number() })
      .wait("second", { signal: "n", schema: z.number() })
      .wait("third", { signal: "n", schema: z.number(), timeout: 200, onError: "continue" });
    const spine = await startAt(await placed(), [flow]);
    const run = await spine.run(flow, {}, { delay: 100 });
    await spine.signal(run.id, "n", 1, { id: "one" });
    await spine.signal(run.id, "n", 1, { id: "one" });
    await spine.signal(run.id, "n", 2);
    expect((await run.result()).outputs).toEqual({ first: 1, second: 2 });
    expect((await spine.get(run.id)).steps.at(-1)).toMatchObject({
      status: "FAILED",
      error: { code: "WAIT_TIMEOUT" },
    });
  });

  test("signals at the very moment at which a run decides to wait: none is lost", async () => {
    const flow = defineWorkflow({ name: "demo.races" })
      .step("before", () => 1)
      .wait("go", { signal: "go", schema: z.number() });
    const spine = await startAt(await placed(), [flow], { concurrency: 20 });
    const runs = await Promise.all(
      Array.from({ length: 40 }, async (_, n) => {
        const run = await spine.run(flow, {});
        if (n % 2 === 0) await delay(Math.random() * 20);
        await spine.signal(run.id, "go", n);
        return run;
      }),
    );
    const results = await Promise.all(runs.map((run) => run.result()));
    expect(results.map(({ outputs }) => outputs.go)).toEqual(runs.map((_, n) => n));
  });

  test("what does not fit is refused to its sender, and nothing is stored", async () => {
    const spine = await startAt(await placed(), [go]);
    const run = await spine.run(go, {});
    await untilWaiting(spine, run.id);
    await expect(spine.signal(run.id, "go", { rows: "x" })).rejects.toMatchObject({ code: "SIGNAL_INVALID" });
    await expect(spine.signal(run.id, "gone", 1)).rejects.toMatchObject({
      code: "VALIDATION_FAILED",
      message: /waits for "go"/,
    });
    expect((await spine.history.inbox(run.id, []))?.count).toBe(0);
    await spine.cancel(run.id);
    await expect(spine.signal(run.id, "go", { rows: 1 })).rejects.toMatchObject({ code: "RUN_CONFLICT" });
  });

  test("approvals, also inside of a map; a refusal fails the step, and a retry asks again", async () => {
    const flow = defineWorkflow({ name: "demo.approvals" })
      .map("each", {
        over: () => ["a", "b"],
        key: (item) => item,
        steps: (block) => block.wait("review", { approval: true }),
      })
      .wait("last", { approval: true });
    const spine = await startAt(await placed(), [flow]);
    const run = await spine.run(flow, {});
    await untilWaiting(spine, run.id);
    await spine.approve(run.id, "each/b/review", { by: "bob" });
    await spine.approve(run.id, "each/a/review", { by: "ann", comment: "fine" });
    await spine.reject(run.id, "last", { by: "carl", comment: "not yet" });
    await expect(run.result()).rejects.toMatchObject({
      code: "APPROVAL_REJECTED",
      message: /by carl: not yet/,
    });
    const again = await spine.retry(run.id);
    await spine.approve(run.id, "last");
    expect((await again.result()).outputs).toEqual({
      each: [
        { approved: true, by: "ann", comment: "fine" },
        { approved: true, by: "bob" },
      ],
      last: { approved: true },
    });
  });

  test("children: their outputs, in the order of the items; the parent waits without a slot", async () => {
    const parent = defineWorkflow({ name: "demo.parent" })
      .pipeline("one", { run: child, params: () => ({ of: "one" }) })
      .map("many", { over: () => ["x", "y", "z"], pipeline: child, params: ({ item }) => ({ of: item }) });
    const spine = await startAt(await placed(), [parent, child], { concurrency: 1 });
    const run = await spine.run(parent, {});
    expect((await run.result()).outputs).toEqual({
      one: { echo: "one" },
      many: [{ echo: "x" }, { echo: "y" }, { echo: "z" }],
    });
    const { items } = await spine.history.list({ parentRunId: run.id });
    expect(items.map(({ parentStep }) => parentStep).sort()).toEqual(["many/0", "many/1", "many/2", "one"]);
  });

  test("a parent whose child takes long leaves memory and comes back; a child that fails fails its step", async () => {
    const slow = defineWorkflow({ name: "demo.slow-child" })
      .wait("pause", { for: 1_500 })
      .step("end", () => 7);
    const bad = defineWorkflow({ name: "demo.bad-child" }).step("bad", () => Promise.reject(new Error("no")));
    const flow = defineWorkflow({ name: "demo.slow-parent" })
      .pipeline("slow", { run: slow, params: () => ({}) })
      .pipeline("bad", { run: bad, params: () => ({}) });
    const spine = await startAt(await placed(), [flow, slow, bad]);
    const run = await spine.run(flow, {});
    await untilWaiting(spine, run.id);
    await expect(run.result()).rejects.toMatchObject({ code: "STEP_FAILED", context: { step: "bad" } });
    expect(await stepsOf(spine, run.id)).toEqual(["slow 1 COMPLETED", "bad 1 FAILED"]);
  });

  test("a child is cancelled with its parent, and with the branch that waits for it", async () => {
    const forever = defineWorkflow({ name: "demo.forever" }).wait("for", { for: "1h" });
    const flow = defineWorkflow({ name: "demo.cancelled" }).pipeline("child", {
      run: forever,
      params: () => ({}),
    });
    const branch = defineWorkflow({ name: "demo.branch" }).parallel("p", (block) => ({
      child: block.pipeline("run", { run: forever, params: () => ({}) }),
      bad: async () => {
        await delay(300);
        throw new Error("bad");
      },
    }));
    const spine = await startAt(await placed(), [flow, branch, forever]);
    const parent = await spine.run(flow, {});
    const childOf = async (runId: string) => (await spine.history.list({ parentRunId: runId })).items[0];
    await expect.poll(async () => (await childOf(parent.id))?.status, { timeout: 10_000 }).toBe("WAITING");
    await spine.cancel(parent.id);
    expect((await childOf(parent.id))?.status).toBe("CANCELLED");

    const other = await spine.run(branch, {});
    await expect(other.result()).rejects.toThrow("bad");
    expect((await childOf(other.id))?.status).toBe("CANCELLED");
  });
});
