// Workflows that change while their runs are under way, and go on with the new steps (`adopt`), on both databases.
import { setTimeout as delay } from "node:timers/promises";
import { defineWorkflow, Step, type WorkflowData } from "spine-core";
import { describe, expect, onTestFinished, test } from "vitest";
import { PLACES } from "./testing/places.ts";
import { startAt, stepsOf } from "./testing/start-spine.ts";

const adopting = (steps: readonly Step[]): WorkflowData =>
  defineWorkflow({ name: "demo.adopts", whenChanged: "adopt", steps });
const child = defineWorkflow({ name: "demo.child" }).wait("never", { signal: "never" });

const go = (name = "go") => Step.wait(name, { signal: "go" });
const value = (name: string, output: unknown = name) => Step.lambda(name, () => output);

describe.each(PLACES)("%s", (_name, open) => {
  /** A run of the first version is left waiting in a step, then a process starts that has the second one. */
  async function upgrade(before: readonly Step[], after: readonly Step[], step: string) {
    const place = await open();
    onTestFinished(() => place.remove());
    const first = await startAt(place, [adopting(before), child]);
    const run = await first.run("demo.adopts", {});
    const waits = async () => {
      const { run: now, steps } = await first.get(run.id);
      return (
        now.status === "WAITING" && steps.some(({ name, status }) => name === step && status === "WAITING")
      );
    };
    await expect.poll(waits, { timeout: 10_000 }).toBe(true);
    await first.stop();
    const spine = await startAt(place, [adopting(after), child]);
    const adopted = await spine.attach(run.id);
    const steps = () => stepsOf(spine, run.id);
    const waitsAgain = (name: string) =>
      expect
        .poll(async () => (await steps()).findLast((one) => one.startsWith(`${name} `)), { timeout: 10_000 })
        .toMatch(/WAITING$/);
    return { spine, run: adopted, steps, waitsAgain };
  }
  const outputsOf = async ({ run }: Awaited<ReturnType<typeof upgrade>>) => (await run.result()).outputs;

  test("a step before a map that is under way runs first; what its items have done is kept", async () => {
    const log: string[] = [];
    const map = () =>
      Step.map(
        "items",
        () => [1, 2, 3],
        Step.sequence("each", [
          Step.lambda("x", ({ step }) => log.push(step)),
          go("w"),
          Step.lambda("y", ({ step, outputs }) => [step, (outputs as { readonly first?: unknown }).first]),
        ]),
        { concurrency: 2 },
      );
    const first = Step.lambda("first", () => delay(50, "first"));
    const upgraded = await upgrade([map()], [first, map()], "items/1/w");
    await upgraded.waitsAgain("items/1/w");
    for (const n of [1, 2, 3]) await upgraded.spine.signal(upgraded.run.id, "go", n);
    expect(await outputsOf(upgraded)).toEqual({
      first: "first",
      items: [0, 1, 2].map((n) => [`items/${n}/y`, "first"]),
    });
    expect(log.sort()).toEqual(["items/0/x", "items/1/x", "items/2/x"]);
  });

  test("a branch that is new begins", async () => {
    const added = await upgrade(
      [Step.parallel("p", [value("x"), go("y")])],
      [Step.parallel("p", [value("x"), go("y"), Step.sequence("n", [value("m"), value("o")])])],
      "p/y",
    );
    await expect.poll(added.steps, { timeout: 10_000 }).toContain("p/n/o 1 COMPLETED");
    await added.spine.signal(added.run.id, "go", 1);
    expect(await outputsOf(added)).toEqual({ p: { x: "x", y: 1, n: "o" } });
  });

  test("a branch that is gone ends, and one that another step stands before waits for it", async () => {
    const slow = Step.wait("y", { for: 60_000 });
    const removed = await upgrade(
      [Step.parallel("p", [value("x"), Step.sequence("y", [slow])])],
      [Step.parallel("p", [value("x"), value("n")])],
      "p/y/y",
    );
    expect(await outputsOf(removed)).toEqual({ p: { x: "x", n: "n" } });
    expect(await removed.steps()).toContain("p/y/y 1 CANCELLED");

    const inserted = await upgrade(
      [Step.parallel("p", [Step.sequence("y", [go("w"), value("e")])])],
      [Step.parallel("p", [Step.sequence("y", [value("n"), go("w"), value("e")])])],
      "p/y/w",
    );
    await inserted.spine.signal(inserted.run.id, "go", 1);
    expect(await outputsOf(inserted)).toEqual({ p: { y: "e" } });
  });

  test("a wait that is gone: the run goes on without anybody's message", async () => {
    const top = await upgrade([value("a"), go(), value("b")], [value("a"), value("b")], "go");
    expect(await outputsOf(top)).toEqual({ a: "a", b: "b" });
    expect(await top.steps()).toContain("go 1 CANCELLED");
    const timed = await upgrade([Step.wait("long", { for: "1h" }), value("b")], [value("b")], "long");
    expect(await outputsOf(timed)).toEqual({ b: "b" });
  });

  test("a wait that is gone inside of the items of a map", async () => {
    const inner = await upgrade(
      [Step.map("m", () => [1, 2], Step.sequence("each", [value("a"), go(), value("b")]))],
      [Step.map("m", () => [1, 2], Step.sequence("each", [value("a"), value("b")]))],
      "m/1/go",
    );
    expect(await outputsOf(inner)).toEqual({ m: ["b", "b"] });
  });

  test("a wait for another signal than before", async () => {
    const upgraded = await upgrade([go("w")], [Step.wait("w", { signal: "other" })], "w");
    await upgraded.spine.signal(upgraded.run.id, "other", 1);
    expect(await outputsOf(upgraded)).toEqual({ w: 1 });
  });

  test("steps that became others begin anew, with what was inside of them ended", async () => {
    const map = Step.map("m", () => [1, 2], Step.sequence("each", [go("w")]));
    const step = await upgrade([map, value("z")], [value("m", 5), value("z")], "m/1/w");
    expect(await outputsOf(step)).toEqual({ m: 5, z: "z" });
    expect(await step.steps()).toEqual(
      expect.arrayContaining(["m 1 CANCELLED", "m/0/w 1 CANCELLED", "m/1/w 1 CANCELLED", "m 2 COMPLETED"]),
    );
  });

  test("what a map does for each item, and a choice whose case is gone", async () => {
    const each = await upgrade(
      [Step.map("m", () => [1, 2, 3], go("each"), { concurrency: 2 })],
      [Step.map("m", () => [1, 2, 3], Step.sequence("each", [value("v")]), { concurrency: 1 })],
      "m/1",
    );
    expect(await outputsOf(each)).toEqual({ m: ["v", "v", "v"] });
    const choice = await upgrade(
      [Step.choice("c", () => "old", [go("old")])],
      [Step.choice("c", () => "new", [value("new")])],
      "c/old",
    );
    expect(await outputsOf(choice)).toEqual({ c: "new" });
  });

  test("a pipeline that is gone: its child is cancelled", async () => {
    const upgraded = await upgrade(
      [Step.pipeline("p", "demo.child", () => ({})), value("b")],
      [value("b")],
      "p",
    );
    expect(await outputsOf(upgraded)).toEqual({ b: "b" });
    expect(await upgraded.steps()).toEqual(["p 1 CANCELLED", "b 1 COMPLETED"]);
    const { items } = await upgraded.spine.history.list({ parentRunId: upgraded.run.id });
    expect(items.map(({ status }) => status)).toEqual(["CANCELLED"]);
  });

  test("steps in another order: each has its turn", async () => {
    const upgraded = await upgrade(
      [value("a"), go("w"), value("b")],
      [value("b"), value("a", "again"), go("w")],
      "w",
    );
    await upgraded.waitsAgain("w");
    await upgraded.spine.signal(upgraded.run.id, "go", 1);
    expect(await outputsOf(upgraded)).toEqual({ a: "a", b: "b", w: 1 });
  });

  test("a run is told of a version once, and one that has it is left alone", async () => {
    const steps = [go("w"), value("b")];
    const upgraded = await upgrade(steps, [go("w")], "w");
    const { spine, run } = upgraded;
    const inbox = async () => (await spine.history.inbox(run.id, []))?.count;
    await expect.poll(inbox, { timeout: 10_000 }).toBe(1);
    const own = await spine.run("demo.adopts", {});
    await expect.poll(async () => (await spine.get(own.id)).run.status, { timeout: 10_000 }).toBe("WAITING");
    await spine.signal(run.id, "go", 1);
    expect(await outputsOf(upgraded)).toEqual({ w: 1 });
    expect((await spine.history.inbox(own.id, []))?.count).toBe(0);
  });
});
