// What was done is taken back, on both databases: whoever cancels, whenever, and whatever fails on the way.

import { randomBytes } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import {
  createSpine,
  defineTable,
  defineWorkflow,
  encryptPayloads,
  type Spine,
  silentLogger,
  systemClock,
  TransientError,
} from "spine-core";
import { arraySource } from "spine-core/testing";
import { describe, expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { PLACES } from "./testing/places.ts";
import { startAt, stepsOf } from "./testing/start-spine.ts";

const SOON = { timeout: 20_000 };

describe.each(PLACES)("%s", (_name, open) => {
  async function placed() {
    const place = await open();
    onTestFinished(() => place.remove());
    return place;
  }
  const statusOf = async (spine: Spine, runId: string) => (await spine.get(runId)).run.status;
  const childOf = async (spine: Spine, parentRunId: string) =>
    (await spine.history.list({ parentRunId })).items[0];

  test("a cancellation at the moment at which a step ends: it is undone, or it has not been done", async () => {
    const flow = defineWorkflow({ name: "demo.race" })
      .step("reserve", () => delay(Math.random() * 6), { undo: () => {} })
      .wait("go", { signal: "go" });
    const spine = await startAt(await placed(), [flow], { concurrency: 40 });
    const ends = await Promise.all(
      Array.from({ length: 60 }, async () => {
        const run = await spine.run(flow, {});
        await delay(Math.random() * 30);
        await spine.cancel(run.id);
        await expect(run.result()).rejects.toMatchObject({ code: "RUN_CANCELLED" });
        return (await stepsOf(spine, run.id)).join();
      }),
    );
    const isDone = (steps: string) => steps.includes("reserve 1 COMPLETED");
    expect(ends.filter((steps) => isDone(steps) !== steps.includes("undo/reserve 1 COMPLETED"))).toEqual([]);
    expect(ends.some(isDone)).toBe(true);
  });

  test("a process that knows no workflow cancels a run, and what is below it: each is undone", async () => {
    const did: string[] = [];
    const note = (what: string) => () => did.push(what);
    const child = defineWorkflow({ name: "demo.child" })
      .step("book", note("book"), { undo: note("unbook") })
      .wait("go", { signal: "go" });
    const plain = defineWorkflow({ name: "demo.plain" }).pipeline("child", {
      run: child,
      params: () => ({}),
    });
    const flow = defineWorkflow({ name: "demo.parent" })
      .step("reserve", note("reserve"), { undo: note("free") })
      .pipeline("child", { run: child, params: () => ({}) });
    const place = await placed();
    const spine = await startAt(place, [child, plain, flow]);
    const operator = await startAt(place, [], { worker: false });
    for (const [workflow, undone] of [
      [plain, ["unbook"]],
      [flow, ["free", "unbook"]],
    ] as const) {
      const run = await spine.run<unknown, unknown, unknown>(workflow as never, {});
      await expect.poll(async () => (await childOf(spine, run.id))?.status, SOON).toBe("WAITING");
      did.length = 0;
      await operator.cancel(run.id);
      await expect(run.result()).rejects.toMatchObject({ code: "RUN_CANCELLED", category: "VALIDATION" });
      await expect.poll(async () => (await childOf(spine, run.id))?.status, SOON).toBe("CANCELLED");
      expect([...did].sort()).toEqual(undone);
    }
  });

  test("an undo that fails is tried again like a step; one that gives up is told of, and tried again after a retry", async () => {
    let fails = 2;
    let gaveUp = true;
    const undone: string[] = [];
    const flow = defineWorkflow({ name: "demo.again" })
      .step("a", () => 1, {
        undo: () => {
          if (gaveUp) throw new Error("never");
          undone.push("a");
        },
      })
      .step("b", () => 1, {
        retry: { attempts: 3, delay: 20 },
        undo: () => {
          if (fails-- > 0) throw new TransientError("not yet");
          undone.push("b");
        },
      })
      .step("c", () => Promise.reject(new Error("the cause")));
    const spine = await startAt(await placed(), [flow]);
    const run = await spine.run(flow, {});
    await expect(run.result()).rejects.toMatchObject({
      message: "the cause",
      context: expect.objectContaining({ not_undone: "a" }),
    });
    expect((await stepsOf(spine, run.id)).slice(3)).toEqual([
      "undo/b 1 FAILED",
      "undo/b 2 FAILED",
      "undo/b 3 COMPLETED",
      "undo/a 1 FAILED",
    ]);
    gaveUp = false;
    await expect((await spine.retry(run.id)).result()).rejects.toMatchObject({ message: "the cause" });
    expect(undone).toEqual(["b", "b", "a"]);
    expect((await spine.get(run.id)).run.error?.context?.not_undone).toBeUndefined();
  });

  test("a retry does what was undone again from nothing, and undoes it again: checkpoints, transactions, children", async () => {
    const did: string[] = [];
    let broken = true;
    const note = (what: string) => did.push(what);
    const child = defineWorkflow({ name: "demo.child" }).step("book", () => note("book"));
    const flow = defineWorkflow({ name: "demo.anew" })
      .step("check", ({ checkpoint }) => checkpoint("part", () => note("check")), {
        undo: async ({ checkpoint }) => {
          await checkpoint("back", () => note("uncheck"));
        },
      })
      .step("write", ({ transaction }) => transaction(async () => note("write")), {
        undo: () => void note("unwrite"),
      })
      .pipeline("child", { run: child, params: () => ({}), undo: () => void note("unbook") })
      .step("pay", () => {
        if (broken) throw new Error("no money");
        return note("pay");
      });
    const spine = await startAt(await placed(), [child, flow]);
    const run = await spine.run(flow, {});
    const once = ["check", "write", "book", "unbook", "unwrite", "uncheck"];
    await expect(run.result()).rejects.toMatchObject({ message: "no money" });
    expect(did).toEqual(once);
    await expect((await spine.retry(run.id)).result()).rejects.toMatchObject({ message: "no money" });
    expect(did).toEqual([...once, ...once]);
    broken = false;
    await (await spine.retry(run.id)).result();
    expect(did.slice(12)).toEqual(["check", "write", "book", "pay"]);
  });

  test("a rerun has no results that were undone, and does not undo what another run did", async () => {
    const did: string[] = [];
    let broken = false;
    const flow = defineWorkflow({ name: "demo.repeat" })
      .parallel("both", (block) => ({
        one: block.step("reserve", () => did.push("reserve"), { undo: () => did.push("free") }),
      }))
      .step("pay", () => {
        if (broken) throw new Error("no money");
        return did.push("pay");
      });
    const spine = await startAt(await placed(), [flow]);
    const options = { tags: ["week-1"], priority: 7 };
    const good = await spine.run(flow, {}, options);
    await good.result();
    broken = true;
    const second = await spine.rerun(good.id, { from: "pay" });
    await expect(second.result()).rejects.toMatchObject({ message: "no money" });
    expect(did).toEqual(["reserve", "pay"]);
    // It is found by the same tags, and as urgent.
    expect((await spine.get(second.id)).run).toMatchObject(options);
    const bad = await spine.run(flow, {});
    await expect(bad.result()).rejects.toMatchObject({ message: "no money" });
    expect(did.slice(2)).toEqual(["reserve", "free"]);
    await expect(spine.rerun(bad.id, { from: "pay" })).rejects.toMatchObject({
      code: "RUN_CONFLICT",
      message: /"both" did was undone/,
    });
  });

  test("a run that is being undone keeps its cause, whatever is done to it; a second cancellation changes nothing", async () => {
    const begun: string[] = [];
    let release = Promise.withResolvers<void>();
    const flow = defineWorkflow({ name: "demo.cause" })
      .step("a", () => 1, {
        undo: async ({ runId }) => {
          begun.push(runId);
          await release.promise;
        },
      })
      .wait("go", { signal: "go" })
      .step("b", () => Promise.reject(new Error("the cause")));
    const spine = await startAt(await placed(), [flow]);
    const failed = await spine.run(flow, {});
    await spine.signal(failed.id, "go");
    await expect.poll(() => begun.length, SOON).toBe(1);
    for (let times = 0; times < 2; times += 1) await spine.cancel(failed.id);
    await spine.pause(failed.id);
    expect((await spine.get(failed.id)).run).toMatchObject({
      status: "PAUSED",
      error: { message: "the cause" },
    });
    await spine.resume(failed.id);
    await expect.poll(() => begun.length, SOON).toBe(2);
    await spine.pause(failed.id);
    // Whoever cancels it then lets it go on.
    await spine.cancel(failed.id);
    await expect.poll(() => begun.length, SOON).toBe(3);
    release.resolve();
    await expect(failed.result()).rejects.toMatchObject({ message: "the cause" });
    expect(await statusOf(spine, failed.id)).toBe("FAILED");

    release = Promise.withResolvers();
    begun.length = 0;
    const cancelled = await spine.run(flow, {});
    await expect.poll(() => statusOf(spine, cancelled.id), SOON).toBe("WAITING");
    await spine.cancel(cancelled.id);
    await expect.poll(() => begun.length, SOON).toBe(1);
    const { version } = (await spine.get(cancelled.id)).run;
    await spine.cancel(cancelled.id);
    expect((await spine.get(cancelled.id)).run.version).toBe(version);
    release.resolve();
    await expect(cancelled.result()).rejects.toMatchObject({ code: "RUN_CANCELLED" });
    expect(begun).toHaveLength(1);
  });

  test("a run that waits to be tried again is undone at once when it is cancelled", async () => {
    const undone: string[] = [];
    const flow = defineWorkflow({ name: "demo.later" })
      .step("a", () => 1, { undo: () => undone.push("a") })
      .step("b", () => Promise.reject(new TransientError("later")), { retry: { attempts: 2, delay: "1h" } });
    const spine = await startAt(await placed(), [flow]);
    const run = await spine.run(flow, {});
    await expect.poll(() => statusOf(spine, run.id), SOON).toBe("WAITING");
    await spine.cancel(run.id);
    await expect(run.result()).rejects.toMatchObject({ code: "RUN_CANCELLED" });
    expect(undone).toEqual(["a"]);
  });

  test("a run whose workflow changed ends with its children, and says what was not undone", async () => {
    const place = await placed();
    const child = defineWorkflow({ name: "demo.child" }).wait("never", { signal: "never" });
    const first = defineWorkflow({ name: "demo.changes" })
      .step("a", () => 1, { undo: () => {} })
      .pipeline("child", { run: child, params: () => ({}) });
    const old = await startAt(place, [first, child]);
    const run = await old.run(first, {});
    await expect.poll(async () => (await childOf(old, run.id))?.status, SOON).toBe("WAITING");
    await expect.poll(() => statusOf(old, run.id), SOON).toBe("WAITING");
    await old.stop();
    const next = await startAt(place, [first.step("more", () => 2), child]);
    await next.pause(run.id);
    await next.resume(run.id);
    await expect((await next.attach(run.id)).result()).rejects.toMatchObject({
      code: "WORKFLOW_CHANGED",
      message: expect.stringContaining("not undone (a)"),
      context: expect.objectContaining({ not_undone: "a" }),
    });
    expect((await childOf(next, run.id))?.status).toBe("CANCELLED");
  });

  test("a deadline ends runs that are paused, and those whose time has not come; a retry has as long again", async () => {
    let slow = true;
    const flow = defineWorkflow({ name: "demo.deadline", deadline: 700 })
      .step("a", () => 1)
      .step("b", ({ signal }) => (slow ? delay(20_000, undefined, { signal }) : 2));
    const spine = await startAt(await placed(), [flow]);
    const paused = await spine.run(flow, {});
    await spine.pause(paused.id);
    const later = await spine.run(flow, {}, { delay: "1h" });
    for (const run of [paused, later]) {
      await expect(run.result()).rejects.toMatchObject({ code: "RUN_DEADLINE" });
    }
    expect(await stepsOf(spine, later.id)).toEqual([]);
    slow = false;
    await delay(100);
    expect((await (await spine.retry(paused.id)).result()).outputs).toEqual({ a: 1, b: 2 });
    const { run } = await spine.get(paused.id);
    expect(Date.parse(run.deadline ?? "") - Date.parse(run.createdAt)).toBeGreaterThan(1_300);
  });

  test("a load that ends when the deadline is over: the runs that others wait for are cancelled with it", async () => {
    let offset = 0;
    const clock = {
      now: () => Date.now() + offset,
      after: (ms: number, call: () => void) => systemClock.after(ms, call),
    };
    const place = await placed();
    const database = place.database();
    const transaction = database.transaction.bind(database);
    // The time of the load is the time at which the deadline passes.
    const late = Object.assign(Object.create(database) as typeof database, {
      transaction: ((work) =>
        transaction(async (open) => {
          offset = 2 * 3_600_000;
          return await work(open);
        })) as typeof database.transaction,
    });
    const child = defineWorkflow({ name: "demo.child" }).wait("never", { signal: "never" });
    const table = defineTable({ name: "late_rows", columns: { a: "text" }, key: ["a"] });
    const flow = defineWorkflow({ name: "demo.late", deadline: "1h" })
      .fetch("fetch", { from: arraySource([{ a: "1" }], { name: "rows" }), request: () => ({}) })
      .transform("rows", { from: "fetch", row: (row) => row, schema: z.object({ a: z.string() }) })
      .parallel("both", (block) => ({
        child: block.pipeline("child", { run: child, params: () => ({}) }),
        load: block
          .wait("begun", { signal: "begun" })
          .load("load", { from: "rows", into: table, disposition: "append" }),
      }));
    const spine = await createSpine({
      database: late,
      workflows: [flow, child],
      logger: silentLogger,
      clock,
    });
    onTestFinished(() => spine.stop());
    const run = await spine.run(flow, {});
    await expect.poll(async () => (await childOf(spine, run.id))?.status, SOON).toBe("WAITING");
    await spine.signal(run.id, "begun");
    await expect(run.result()).rejects.toMatchObject({ code: "RUN_DEADLINE" });
    expect((await childOf(spine, run.id))?.status).toBe("CANCELLED");
    expect(await stepsOf(spine, run.id)).toContain("both/load/load 1 COMPLETED");
  });

  test("controls need no key: what they did is told, although the run cannot be read", async () => {
    const place = await placed();
    const params = z.object({ text: z.string() });
    const flow = defineWorkflow({ name: "demo.locked", params }).step("a", () =>
      Promise.reject(new Error("no")),
    );
    const keyed = (id: string) => ({
      worker: false,
      payloads: encryptPayloads({ keys: { [id]: randomBytes(32).toString("base64") }, use: id }),
    });
    const writer = await startAt(place, [flow], { ...keyed("one"), worker: true });
    const run = await writer.run(flow, { text: "secret" });
    await expect(run.result()).rejects.toThrow("no");
    await writer.stop();
    const other = await startAt(place, [flow], keyed("two"));
    await expect(other.get(run.id)).rejects.toMatchObject({ code: "PAYLOAD_KEY_MISSING" });
    expect((await other.retry(run.id)).id).toBe(run.id);
    await other.pause(run.id);
    await other.resume(run.id);
    await other.cancel(run.id);
    expect((await other.history.list({ workflow: "demo.locked" })).items).toMatchObject([
      { status: "CANCELLED" },
    ]);
    const without = await startAt(place, [flow], { worker: false });
    await expect(without.rerun(run.id)).rejects.toMatchObject({ code: "PAYLOAD_KEY_MISSING" });
  });
});
