// Processes that stop, leave, disagree about the time, or look exactly like another, on Postgres.

import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { pidOf } from "./audit-kills.ts";
import {
  begun,
  eventually,
  expectKept,
  hireClient,
  openStage,
  proofFixture,
  startRuns,
} from "./proof-fixture.ts";
import type { Outcome } from "./stage.ts";

proofFixture();

/** The processes that had a run, in order. */
function pidsOf({ runs }: Outcome, runId: string): readonly number[] {
  const { events = [] } = runs.find((run) => run.runId === runId) ?? {};
  return events.flatMap(({ type, data }) => {
    const { worker } = data as { readonly worker?: string };
    return /^run\.(?:started|resumed)$/.test(type) ? [pidOf(worker)] : [];
  });
}

// They mostly wait, each on a database of its own.
describe.concurrent("processes", { timeout: 300_000 }, () => {
  test("stopped for longer than the expiry (SIGSTOP): others take over, and after SIGCONT it writes nothing", async () => {
    await using stage = await openStage();
    const [zombie] = await stage.workers(1);
    await startRuns(stage, 6, { workflow: "kill.slow", n: 3_000 });
    await begun(stage, 6);
    zombie?.signal("SIGSTOP");
    await stage.workers(1);
    // A server that has just started gives everybody 10 s before it counts.
    await eventually("all six are in other hands", async () =>
      (await stage.observer.look()).every(({ detail }) => detail?.run.crashes === 1),
    );
    zombie?.signal("SIGCONT");
    // Its bodies go on where they were, and want to commit.
    await delay(4_000);
    const outcome = await stage.finish(false);
    expectKept(outcome, 6);
    expect(outcome.takeovers).toBe(6);
  });

  // Workflows of all kinds: with children that are queued, steps that are tried again, and steps that wait.
  test.for([["kill.effects"], ["all workflows"]] as const)(
    "clocks that are two hours apart (%s): no run is claimed twice, and a dead worker is found",
    async ([workflow]) => {
      await using stage = await openStage();
      const hour = 3_600_000;
      const [early] = await stage.workers(1, { clockOffsetMs: -hour });
      await stage.workers(1, { clockOffsetMs: hour });
      const client = await hireClient(stage, 60, {
        everyMs: 30,
        ...(workflow === "all workflows" ? {} : { workflow }),
      });
      await begun(stage, 15);
      await early?.kill();
      await stage.workers(1, { clockOffsetMs: -hour });
      await client.says("started all");
      expectKept(await stage.finish(), 60);
    },
  );

  test("two processes of the same name: one leaves while it works, never claims again, and strands nothing", async () => {
    await using stage = await openStage();
    const [leaver] = await stage.workers(1, { concurrency: 20 });
    await startRuns(stage, 10, { workflow: "kill.slow", n: 60_000 });
    await begun(stage, 10);
    const [other] = await stage.workers(1);
    leaver?.signal("SIGTERM");
    await leaver?.gone();
    const outcome = await stage.finish();
    expectKept(outcome, 10);
    expect(outcome.takeovers).toBe(0);
    for (const { runId, detail, events } of outcome.runs) {
      expect(pidsOf(outcome, runId)).toEqual([leaver?.pid, other?.pid]);
      expect(detail?.run.crashes).toBe(0);
      expect(events.filter(({ type }) => type === "run.released")).toHaveLength(1);
    }
  });

  test("two recoverers at once: each run of a dead worker is taken over by one of them", async () => {
    await using stage = await openStage();
    const [victim] = await stage.workers(1, { concurrency: 30 });
    await startRuns(stage, 30, { workflow: "kill.slow", n: 60_000 });
    await begun(stage, 30);
    await stage.workers(2, { concurrency: 30 });
    await victim?.kill();
    const outcome = await stage.finish();
    expectKept(outcome, 30);
    expect(outcome.takeovers).toBe(30);
    for (const { runId, detail } of outcome.runs) {
      expect(detail?.run.crashes).toBe(1);
      expect(pidsOf(outcome, runId)).toEqual([victim?.pid, expect.any(Number)]);
    }
  });

  test("a workflow that nobody knows waits, and the others go on", async () => {
    await using stage = await openStage();
    await stage.workers(2, { workflows: ["kill.parts"] });
    await startRuns(stage, 10, { prefix: "unknown-", workflow: "kill.steps" });
    await startRuns(stage, 10, { prefix: "known-", workflow: "kill.parts" });
    await eventually("10 runs wait", async () => (await stage.observer.unfinished()).length === 10);
    for (const { workflow, status } of await stage.observer.unfinished()) {
      expect([workflow, status]).toEqual(["kill.steps", "PENDING"]);
    }
    await stage.workers(1);
    expectKept(await stage.finish(), 20);
  });

  test("six quick starts with one worker: none waits for the poll", async () => {
    await using stage = await openStage();
    await stage.workers(1);
    await delay(1_000);
    await startRuns(stage, 6, { workflow: "kill.steps" });
    const outcome = await stage.finish();
    expectKept(outcome, 6);
    const waits = outcome.runs.map(({ detail, events }) => {
      const started = events.find(({ type }) => type === "run.started");
      return Date.parse(started?.at ?? "") - Date.parse(detail?.run.createdAt ?? "");
    });
    expect(Math.max(...waits)).toBeLessThan(500);
  });
});
