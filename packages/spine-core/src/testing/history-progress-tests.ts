import { expect } from "vitest";
import type { ProgressAttachment } from "../history/attachment.ts";
import type { HistoryStore } from "../history/history-store.ts";
import {
  advanceCommit,
  committed,
  createCommit,
  expectNoGaps,
  startRun,
  stepBegin,
  stepEnd,
  stepWait,
} from "./history-samples.ts";
import type { Check } from "./suite.ts";

const AT = Date.parse("2026-01-05T09:00:00.250Z");

function progress(step: string, changes: Partial<ProgressAttachment> = {}): ProgressAttachment {
  const nothing = { rows: null, done: null, total: null, unit: null, message: null };
  return { kind: "progress", step, attempt: 1, ...nothing, at: AT, ...changes };
}

/** How far the attempts of a run have come: `<step>#<attempt> <status> <done>`. */
async function shown(history: HistoryStore, runId: string): Promise<readonly string[]> {
  const steps = (await history.get(runId))?.steps ?? [];
  return steps.map(
    ({ name, attempt, status, progress: come }) => `${name}#${attempt} ${status} ${come?.done ?? null}`,
  );
}

/** How far attempts under way have come. */
export function historyProgressTests(check: Check): void {
  check("keeps of each step how far it has come, the newest", async ({ stores: { history } }) => {
    const { runId, fence } = await startRun(history, {}, ["first", "second", "third"]);
    const say = (...attachments: readonly ProgressAttachment[]) =>
      history.commit([advanceCommit(runId, fence, { attachments })]);
    const whole = progress("first", {
      rows: { in: 5_000_000_000, out: 3, rejected: 2 },
      done: 0.5,
      total: 1e21,
      unit: "files",
      message: `it's "half" 😀 of it`,
    });
    const version = await committed(history, advanceCommit(runId, fence, { attachments: [whole] }));
    const { kind: _kind, step: _step, attempt: _attempt, ...rest } = whole;
    const detail = await history.get(runId);
    expect(detail?.run.version).toBe(version);
    expect(detail?.steps.map((step) => step.progress)).toEqual([
      { ...rest, at: "2026-01-05T09:00:00.250Z" },
      null,
      null,
    ]);
    // All of it anew, and each is a write like any other. Of one commit the last counts, and of several in one go.
    await say(progress("first", { done: 1 }), progress("first", { done: 2, message: "two" }));
    await Promise.all([say(progress("second", { done: 3 })), say(progress("second", { done: 4 }))]);
    expect(await shown(history, runId)).toEqual([
      "first#1 RUNNING 2",
      "second#1 RUNNING 4",
      "third#1 RUNNING null",
    ]);
    expect((await history.get(runId))?.steps[0]?.progress).toMatchObject({
      rows: null,
      total: null,
      message: "two",
    });
    await expectNoGaps(history, runId);
    await history.commit([
      advanceCommit(runId, { ...fence, token: 9 }, { attachments: [progress("first", { done: 9 })] }),
    ]);
    expect((await shown(history, runId))[0]).toBe("first#1 RUNNING 2");
  });

  check(
    "does not say of an attempt what another one has said, nor of one that has ended or waits",
    async (context) => {
      const { history } = context.stores;
      const { runId, fence } = await startRun(history, {}, ["first", "second"]);
      const attachments = [progress("first", { done: 1 }), progress("second", { done: 2 })];
      await committed(history, advanceCommit(runId, fence, { attachments }));
      await committed(
        history,
        advanceCommit(runId, fence, {
          ended: [stepEnd("first", { status: "FAILED" })],
          begun: [stepBegin("first", 2)],
          waiting: [stepWait("second", { until: AT })],
        }),
      );
      expect(await shown(history, runId)).toEqual([
        "first#1 FAILED null",
        "second#1 WAITING null",
        "first#2 RUNNING null",
      ]);
      await committed(
        history,
        advanceCommit(runId, fence, { attachments: [progress("first", { attempt: 2, done: 3 })] }),
      );
      expect((await shown(history, runId))[2]).toBe("first#2 RUNNING 3");

      // What its worker leaves behind is not said of the attempt after it.
      await history.beat(fence.worker, "gone");
      await history.beat("worker-2", "alive");
      const { runs } = await history.claim({ worker: "worker-2", workflows: ["demo"], limit: 1 });
      if (!runs[0]) throw new Error("The run was not claimed.");
      await committed(history, advanceCommit(runId, runs[0].fence, { begun: [stepBegin("first", 3)] }));
      expect((await shown(history, runId)).slice(2)).toEqual([
        "first#2 CANCELLED null",
        "first#3 RUNNING null",
      ]);
    },
  );

  check("forgets how far a run had come when it is removed", async ({ stores: { history }, clock }) => {
    const { runId, fence } = await startRun(history);
    await committed(history, advanceCommit(runId, fence, { attachments: [progress("first", { done: 1 })] }));
    await committed(
      history,
      advanceCommit(runId, fence, { ended: [stepEnd("first")], run: { status: "COMPLETED" } }),
    );
    clock.advance(1_000);
    expect(await history.prune({ before: clock.now(), limit: 10 })).toEqual([runId]);
    // Ids come once; this one twice, to see what is left of it.
    await committed(history, createCommit({ runId, worker: fence.worker }, [stepBegin("first")]));
    expect(await shown(history, runId)).toEqual(["first#1 RUNNING null"]);
  });
}
