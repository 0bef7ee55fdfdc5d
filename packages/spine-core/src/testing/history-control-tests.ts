import { expect } from "vitest";
import type { ControlCommit, HistoryStore, NewRun } from "../history/history-store.ts";
import type { RunStatus } from "../history/records.ts";
import {
  ACTIVE,
  advanceCommit,
  committed,
  controlCommit,
  createCommit,
  expectNoGaps,
  outcome,
  runOf,
  signalCommit,
  startRun,
  startWaitingRun,
  stepBegin,
  stepEnd,
  stepWait,
  wholeRun,
} from "./history-samples.ts";
import { claim } from "./queue-samples.ts";
import type { Check } from "./suite.ts";

const WITH_CHILDREN: Partial<ControlCommit> = { withChildren: true };

interface Family {
  /** Waits for `waiting` and `queued`. */
  readonly root: string;
  /** Waits for `grandchild`. */
  readonly waiting: string;
  readonly queued: string;
  readonly grandchild: string;
  /** Nobody's step waits for it, nor for its own child. */
  readonly detached: string;
  readonly childOfDetached: string;
  /** Has ended; its own child has not. */
  readonly ended: string;
  readonly childOfEnded: string;
}

async function family(history: HistoryStore): Promise<Family> {
  const at = (parentRunId: string, changes: Partial<NewRun> = {}) => ({
    parentRunId,
    parentStep: "first",
    ...changes,
  });
  const root = await startWaitingRun(history);
  const waiting = await startWaitingRun(history, at(root.runId));
  const queued = createCommit(at(root.runId));
  await committed(history, queued);
  const grandchild = await startRun(history, at(waiting.runId), ["first", "second"]);
  await committed(
    history,
    advanceCommit(grandchild.runId, grandchild.fence, { waiting: [stepWait("second")] }),
  );
  const detached = await startRun(history, at(root.runId, { parentStep: null }));
  const childOfDetached = await startRun(history, at(detached.runId));
  const ended = await startRun(history, at(root.runId));
  await committed(
    history,
    advanceCommit(ended.runId, ended.fence, { ended: [stepEnd("first")], run: { status: "COMPLETED" } }),
  );
  const childOfEnded = await startRun(history, at(ended.runId));
  return {
    root: root.runId,
    waiting: waiting.runId,
    queued: queued.run.runId,
    grandchild: grandchild.runId,
    detached: detached.runId,
    childOfDetached: childOfDetached.runId,
    ended: ended.runId,
    childOfEnded: childOfEnded.runId,
  };
}

const BELOW = ["waiting", "queued", "grandchild", "childOfEnded"] as const;
const OTHERS = ["detached", "childOfDetached", "ended"] as const;

/** Changes from outside: of attempts that wait, of all runs below a run, and of what a run is on its way to. */
export function historyControlTests(check: Check): void {
  check("forgets lost workers when a run that has ended is queued again, and not before", async (context) => {
    const { runId } = await startRun(context.stores.history);
    if (!context.again) return;
    const other = await context.again();
    try {
      await context.close();
      const { history } = other.stores;
      expect((await claim(history, "w2")).ids).toEqual([runId]);
      const crashes = async () => (await history.get(runId))?.run.crashes;
      await committed(history, controlCommit(runId, ["RUNNING"], { status: "PAUSED" }));
      await committed(history, controlCommit(runId, ["PAUSED"], { status: "PENDING" }));
      expect(await crashes()).toBe(1);
      await committed(history, controlCommit(runId, ["PENDING"], { status: "CANCELLED" }));
      await committed(history, controlCommit(runId, ["CANCELLED"], { status: "PENDING" }));
      expect(await crashes()).toBe(0);
    } finally {
      await other.close();
    }
  });

  check("ends attempts that wait from outside", async ({ stores: { history } }) => {
    const cancelled = await startWaitingRun(history);
    const paused = await startWaitingRun(history);
    const change = { status: "CANCELLED" } as const;
    await committed(history, controlCommit(cancelled.runId, ["WAITING"], change));
    await committed(history, controlCommit(paused.runId, ["WAITING"], { status: "PAUSED" }));
    for (const [runId, status] of [
      [cancelled.runId, "CANCELLED"],
      [paused.runId, "PAUSED"],
    ] as const) {
      const detail = await history.get(runId);
      expect(detail?.run).toMatchObject({ status, worker: null, availableAt: null, token: 2 });
      expect(detail?.steps).toMatchObject([{ status: "CANCELLED", waitingFor: null, waitingUntil: null }]);
      expect(detail?.steps[0]?.completedAt).not.toBeNull();
      await expectNoGaps(history, runId);
    }
    expect((await claim(history)).ids).toEqual([]);
  });

  check("cancels what a run waits for, down to the last", async ({ stores: { history } }) => {
    const runs = await family(history);
    const others = await Promise.all(OTHERS.map((name) => wholeRun(history, runs[name])));
    const inboxes = await Promise.all(
      [runs.root, runs.waiting].map(async (id) => (await runOf(history, id)).inbox),
    );
    expect(inboxes).toEqual([1, 0]);
    await committed(history, controlCommit(runs.root, ACTIVE, { status: "CANCELLED" }, WITH_CHILDREN));
    for (const name of ["root", ...BELOW] as const) {
      const detail = await history.get(runs[name]);
      expect(detail?.run, name).toMatchObject({
        status: "CANCELLED",
        worker: null,
        token: 2,
        availableAt: null,
      });
      expect(detail?.run.completedAt, name).not.toBeNull();
      expect(new Set(detail?.steps.map(({ status }) => status)), name).toEqual(
        new Set(name === "queued" ? [] : ["CANCELLED"]),
      );
      expect((await history.events(runs[name])).at(-1), name).toMatchObject({
        type: "run.cancelled",
        data: { reason: "test" },
      });
      await expectNoGaps(history, runs[name]);
    }
    expect(await Promise.all(OTHERS.map((name) => wholeRun(history, runs[name])))).toMatchObject(
      others.map((whole) => ({ events: (whole as { events: unknown }).events })),
    );
    // Each of them that ended has told so.
    expect((await runOf(history, runs.root)).inbox).toBe(3);
    expect((await runOf(history, runs.waiting)).inbox).toBe(1);
    expect((await claim(history)).ids).toEqual([]);
    const late = { worker: "worker-1", token: 1 };
    const [result] = await history.commit([
      advanceCommit(runs.grandchild, late, { ended: [stepEnd("first")] }),
    ]);
    expect(outcome(result)).toBe("fenced");
  });

  check("pauses and resumes a run with what it waits for", async ({ stores: { history } }) => {
    const runs = await family(history);
    await committed(history, controlCommit(runs.root, ACTIVE, { status: "PAUSED" }, WITH_CHILDREN));
    for (const name of ["root", ...BELOW] as const) {
      expect(await runOf(history, runs[name]), name).toMatchObject({ status: "PAUSED", worker: null });
    }
    for (const name of OTHERS) {
      expect((await runOf(history, runs[name])).status, name).toBe(
        name === "ended" ? "COMPLETED" : "RUNNING",
      );
    }
    // A pause is no end.
    expect(await runOf(history, runs.waiting)).toMatchObject({ inbox: 0 });
    expect((await claim(history)).ids).toEqual([]);
    // Not all of them: one was cancelled meanwhile.
    await committed(history, controlCommit(runs.queued, ["PAUSED"], { status: "CANCELLED" }));
    const before = await wholeRun(history, runs.queued);
    await committed(history, controlCommit(runs.root, ["PAUSED"], { status: "PENDING" }, WITH_CHILDREN));
    expect(await wholeRun(history, runs.queued)).toEqual(before);
    expect([...(await claim(history)).ids].sort()).toEqual(
      [runs.root, runs.waiting, runs.grandchild, runs.childOfEnded].sort(),
    );
  });

  check("leaves children alone when it is not told, and when the run is refused", async (context) => {
    const { history } = context.stores;
    const runs = await family(history);
    const statuses = async () =>
      await Promise.all(Object.values(runs).map(async (id) => (await runOf(history, id)).status));
    const before = await statuses();
    const from: readonly RunStatus[] = ["PAUSED", "RUNNING"];
    const [refused] = await history.commit([
      controlCommit(runs.root, from, { status: "CANCELLED" }, WITH_CHILDREN),
    ]);
    expect(refused).toEqual({ result: "conflict", status: "WAITING" });
    expect(await statuses()).toEqual(before);
    await committed(history, controlCommit(runs.root, ACTIVE, { status: "CANCELLED" }));
    expect((await statuses()).slice(1)).toEqual(before.slice(1));
  });

  check("remembers what a run is on its way to", async ({ stores: { history } }) => {
    const { runId, fence } = await startRun(history);
    expect(await runOf(history, runId)).toMatchObject({ endsAs: null });
    await committed(
      history,
      advanceCommit(runId, fence, {
        ended: [stepEnd("first", { status: "FAILED" })],
        begun: [stepBegin("undo")],
        run: { status: "RUNNING", endsAs: "FAILED" },
      }),
    );
    const is = async (endsAs: "FAILED" | "CANCELLED" | null, status: RunStatus) =>
      expect(await runOf(history, runId)).toMatchObject({ endsAs, status });
    await is("FAILED", "RUNNING");
    // It stays until it is changed, through a wait, another owner and a pause.
    await committed(
      history,
      advanceCommit(runId, fence, {
        ended: [stepEnd("undo", { status: "FAILED", retryAt: 1 })],
        run: { status: "WAITING", availableAt: 1 },
      }),
    );
    await is("FAILED", "WAITING");
    const [claimed] = (await claim(history)).runs;
    expect(claimed?.run.endsAs).toBe("FAILED");
    const owner = claimed?.fence ?? fence;
    await committed(history, advanceCommit(runId, owner, { begun: [stepBegin("undo", 2)] }));
    await committed(history, controlCommit(runId, ACTIVE, { status: "PAUSED" }));
    await is("FAILED", "PAUSED");
    await committed(history, controlCommit(runId, ["PAUSED"], { status: "PENDING", endsAs: "CANCELLED" }));
    await is("CANCELLED", "PENDING");
    const [again] = (await claim(history)).runs;
    await committed(
      history,
      advanceCommit(runId, again?.fence ?? fence, { run: { status: "RUNNING", endsAs: null } }),
    );
    await is(null, "RUNNING");
    await committed(
      history,
      advanceCommit(runId, again?.fence ?? fence, {
        run: { status: "WAITING", availableAt: null, inbox: 0, endsAs: "FAILED" },
      }),
    );
    await is("FAILED", "WAITING");
    await committed(history, controlCommit(runId, ACTIVE, { status: "PENDING", endsAs: null }));
    await is(null, "PENDING");
    await expectNoGaps(history, runId);
  });

  check("a message that came while a run was paused is there when it goes on", async (context) => {
    const { history } = context.stores;
    const { runId } = await startWaitingRun(history);
    await committed(history, controlCommit(runId, ACTIVE, { status: "PAUSED" }));
    await committed(history, signalCommit(runId, { name: "a" }));
    expect((await claim(history)).ids).toEqual([]);
    await committed(history, controlCommit(runId, ["PAUSED"], { status: "PENDING" }));
    expect((await claim(history)).ids).toEqual([runId]);
    expect(await history.inbox(runId, [])).toMatchObject({ count: 1, signals: [{ name: "a" }] });
  });
}
