// Two things at the very same moment, many times each, on both databases: whatever comes first, nothing is lost and nothing is stuck.

import { setTimeout as delay } from "node:timers/promises";
import { defineWorkflow, type Run, type Spine, SpineError } from "spine-core";
import { describe, expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { PLACES } from "./testing/places.ts";
import { startAt } from "./testing/start-spine.ts";

const TIMES = 40;
/** How long a run waits in memory for its children before it is let go of; see `history-durable.ts`. */
const LINGER_MS = 1_000;

/** Each race by itself, all at once. */
function races<T>(race: (n: number) => Promise<T>): Promise<readonly T[]> {
  return Promise.all(Array.from({ length: TIMES }, (_, n) => race(n)));
}

/** True when it was done, false when the run was not in the state for it; anything else is a failure. */
async function tried(control: Promise<void>): Promise<boolean> {
  try {
    await control;
    return true;
  } catch (error) {
    if (SpineError.is(error) && error.code === "RUN_CONFLICT") return false;
    throw error;
  }
}

/** COMPLETED, or the code of the error. */
async function endOf(run: Run<unknown>): Promise<string> {
  try {
    await run.result();
    return "COMPLETED";
  } catch (error) {
    return SpineError.from(error).code;
  }
}

describe.each(PLACES)("%s", (_name, open) => {
  async function placed() {
    const place = await open();
    onTestFinished(() => place.remove());
    return place;
  }

  test("a signal from another process while the run decides to wait, and as its time ends", async () => {
    const flow = defineWorkflow({ name: "demo.signals" })
      .step("before", () => delay(Math.random() * 10))
      .wait("first", { signal: "go", schema: z.number() })
      .wait("second", { signal: "go", schema: z.number() })
      .wait("late", { signal: "late", schema: z.number(), timeout: 40, onError: "continue" });
    const place = await placed();
    const spine = await startAt(place, [flow], { concurrency: 20 });
    const other = await startAt(place, [flow], { worker: false });
    const results = await races(async (n) => {
      const run = await spine.run(flow, {});
      await delay(Math.random() * 20);
      await other.signal(run.id, "go", n);
      await spine.signal(run.id, "go", n + 1);
      await delay(Math.random() * 60);
      const begun = Date.now();
      const sent = await tried(other.signal(run.id, "late", n));
      const ended = Date.now();
      const { outputs } = await run.result();
      const left = (await spine.history.inbox(run.id, []))?.signals.length ?? 0;
      return { n, sent, begun, ended, left, until: await endOfWait(spine, run.id, "late"), ...outputs };
    });
    for (const { n, sent, begun, ended, until, left, first, second, late } of results) {
      expect([first, second]).toEqual([n, n + 1]);
      // It was taken, or it came too late and is still there; it is never both, and never neither.
      expect([late, left]).toEqual(late === undefined ? [undefined, sent ? 1 : 0] : [n, 0]);
      // What was accepted before the time was over is taken, what was sent after it is not.
      if (ended < until) expect([n, late]).toEqual([n, n]);
      if (begun > until) expect([n, late]).toEqual([n, undefined]);
    }
  });

  test("a cancellation while the run completes: it is the one or the other, and everybody is told the same", async () => {
    const flow = defineWorkflow({ name: "demo.completes" })
      .step("one", () => delay(Math.random() * 10))
      .step("two", () => 2);
    const spine = await startAt(await placed(), [flow], { concurrency: 20 });
    const ends = await races(async () => {
      const run = await spine.run(flow, {});
      await delay(Math.random() * 25);
      const cancelled = await tried(spine.cancel(run.id));
      return [cancelled, await endOf(run), (await spine.get(run.id)).run.status] as const;
    });
    for (const [cancelled, end, status] of ends) {
      expect([end, status]).toEqual(cancelled ? ["RUN_CANCELLED", "CANCELLED"] : ["COMPLETED", "COMPLETED"]);
    }
  });

  test("a resumption while the run is being paused, and a pause while it is being resumed: it comes to its end", async () => {
    const flow = defineWorkflow({ name: "demo.pauses" })
      .step("one", ({ signal }) => delay(5, 1, { signal }))
      .wait("pause", { for: 5 })
      .parallel("both", (block) => ({
        left: ({ signal }) => delay(Math.random() * 10, "left", { signal }),
        right: block.wait("short", { for: 5 }).step("end", () => "right"),
      }));
    const spine = await startAt(await placed(), [flow], { concurrency: 20 });
    const outputs = await races(async () => {
      const run = await spine.run(flow, {});
      for (let times = 0; times < 3; times++) {
        await delay(Math.random() * 10);
        await Promise.all([tried(spine.pause(run.id)), tried(spine.resume(run.id))]);
      }
      // Who pauses last has it paused.
      await tried(spine.resume(run.id));
      return (await run.result()).outputs;
    });
    const expected = { one: 1, pause: null, both: { left: "left", right: "right" } };
    expect(outputs).toEqual(Array.from({ length: TIMES }, () => expected));
  });

  test("a child that ends at once, or at the very moment at which its parent is let go of: the parent goes on", async () => {
    const child = defineWorkflow({ name: "demo.ends", params: z.object({ ms: z.number() }) }).step(
      "work",
      async ({ params }) => {
        await delay(params.ms);
        return params.ms;
      },
    );
    const parent = defineWorkflow({ name: "demo.parks", params: z.object({ ms: z.number() }) })
      .pipeline("child", { run: child, params: ({ params }) => params })
      .step("after", () => "after");
    const spine = await startAt(await placed(), [parent, child], { concurrency: 2 * TIMES });
    const runs = await races(async (n) => {
      // The child begins somewhat after its parent begins to wait.
      const ms = n % 2 === 0 ? 0 : LINGER_MS - 60 + Math.floor(Math.random() * 80);
      const run = await spine.run(parent, { ms });
      const { outputs } = await run.result();
      return { id: run.id, ms, outputs };
    });
    for (const { ms, outputs } of runs) expect(outputs).toEqual({ child: { work: ms }, after: "after" });
    expect(await childrenOf(spine, runs)).toEqual(runs.map(() => 1));
  });
});

/** Until when a step of a run waited, as its events say. */
async function endOfWait(spine: Spine, runId: string, step: string): Promise<number> {
  const events = await spine.history.events(runId);
  const waits = events.map(({ data }) => data as { readonly step?: string; readonly until?: string });
  return Date.parse(waits.find((wait) => wait.step === step && wait.until !== undefined)?.until ?? "");
}

async function childrenOf(
  spine: Spine,
  runs: readonly { readonly id: string }[],
): Promise<readonly number[]> {
  const children = runs.map(({ id }) => spine.history.list({ parentRunId: id }));
  return (await Promise.all(children)).map(({ items }) => items.length);
}
