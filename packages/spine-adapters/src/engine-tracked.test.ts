// Runs that are only recorded: whatever becomes of who records them, Spine never does their work.
import {
  createSpine,
  defineWorkflow,
  type HistoryStore,
  HistoryTracker,
  silentLogger,
  TransientError,
  WHEN_CHANGED,
  type WorkflowData,
} from "spine-core";
import { mortal } from "spine-core/testing";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { PLACES } from "./testing/places.ts";

describe.each(PLACES)("%s", (_name, open) => {
  async function start() {
    const place = await open();
    const spines: { stop(): Promise<void> }[] = [];
    onTestFinished(async () => {
      for (const spine of spines) await spine.stop();
      place.remove();
    });
    return async (workflows: readonly WorkflowData[], database = place.database(), worker = true) => {
      const spine = await createSpine({ database, workflows, worker, logger: silentLogger });
      if (worker) spines.push(spine);
      return { spine, place };
    };
  }

  test.each([...WHEN_CHANGED, "unknown"] as const)(
    "of a tracker that died: the run fails, and is not done, where a workflow of its name is %s",
    async (whenChanged) => {
      const ran: string[] = [];
      const same = defineWorkflow({
        name: "legacy.job",
        ...(whenChanged === "unknown" ? {} : { whenChanged }),
      }).step("work", ({ runId }) => void ran.push(runId));
      const begin = await start();
      const { spine, place } = await begin(whenChanged === "unknown" ? [] : [same]);
      const life = mortal(place.database());
      const { spine: other } = await begin([], life.database, false);
      const tracker = new HistoryTracker(other.history);
      const entered = [Promise.withResolvers<string>(), Promise.withResolvers<string>()] as const;
      const [inStep, before] = entered;
      void tracker.trackWorkflow("legacy.job", {}, (run) =>
        run.trackStep("work", "lambda", () => {
          inStep.resolve(run.runId);
          return new Promise(() => {});
        }),
      );
      void tracker.trackWorkflow("legacy.job", {}, (run) => {
        before.resolve(run.runId);
        return new Promise(() => {});
      });
      const ids = await Promise.all(entered.map(({ promise }) => promise));
      void life.die();
      await life.dead;
      for (const id of ids) {
        const run = await spine.attach(id);
        await expect(run.result()).rejects.toMatchObject({
          code: "WORKER_LOST",
          retryable: false,
          message: expect.stringContaining("The process that recorded this run is gone") as string,
        });
        expect((await spine.get(id)).steps.map(({ status }) => status)).toEqual(
          id === ids[0] ? ["FAILED"] : [],
        );
        for (const control of [spine.retry, spine.resume, spine.pause]) {
          await expect(control(id)).rejects.toMatchObject({
            code: "RUN_CONFLICT",
            message: expect.stringContaining("Spine does no work for it") as string,
          });
        }
      }
      expect(ran).toEqual([]);
    },
  );

  test("whose end the database did not take ends when the tracker is closed", async () => {
    const begin = await start();
    const { spine } = await begin([]);
    const { history } = spine;
    let isAway = false;
    const flaky: HistoryStore = Object.assign(Object.create(history) as HistoryStore, {
      beat: history.beat.bind(history),
      commit: vi.fn<HistoryStore["commit"]>(async (...args) => {
        if (isAway) throw new TransientError("away");
        return await history.commit(...args);
      }),
    });
    const tracker = new HistoryTracker(flaky);
    const ids: string[] = [];
    const track = (work: () => void) =>
      tracker.trackWorkflow("legacy.job", {}, async ({ runId }) => {
        ids.push(runId);
        isAway = true;
        work();
      });
    await expect(track(() => {})).rejects.toThrow("away");
    isAway = false;
    const failing = track(() => {
      throw new Error("its own");
    });
    await expect(failing).rejects.toThrow("away");
    await expect(tracker.close()).rejects.toThrow("away");
    isAway = false;
    await tracker.close();
    const runs = await Promise.all(ids.map((id) => spine.get(id)));
    expect(runs.map(({ run }) => [run.status, run.error?.message ?? null])).toEqual([
      ["COMPLETED", null],
      ["FAILED", "its own"],
    ]);
  });
});
