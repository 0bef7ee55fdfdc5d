import { expect } from "vitest";
import { SpineError } from "../errors.ts";
import type { ControlCommit, HistoryStore, NewRun } from "../history/history-store.ts";
import type { RunStatus } from "../history/records.ts";
import { newId } from "../ids.ts";
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

  check("decides for each run by itself whether it is undone first", async ({ stores: { history } }) => {
    const done = { ended: [stepEnd("first")], begun: [stepBegin("second")] };
    const begin = async (changes: Partial<NewRun>) => {
      const { runId, fence } = await startRun(history, changes);
      await committed(history, advanceCommit(runId, fence, done));
      return runId;
    };
    const root = await begin({});
    const below = { parentRunId: root, parentStep: "second" };
    const undone = await begin({ ...below, hasUndo: true });
    const nothingDone = (await startRun(history, { ...below, hasUndo: true })).runId;
    const repeated = {
      ...createCommit({ ...below, hasUndo: true, rerunOf: newId() }),
      inherited: [{ ...stepEnd("first"), kind: "lambda" }],
    };
    await committed(history, repeated);
    expect(await runOf(history, undone)).toMatchObject({ hasUndo: true, inherited: 0 });
    expect(await runOf(history, repeated.run.runId)).toMatchObject({ hasUndo: true, inherited: 1 });
    expect(await runOf(history, root)).toMatchObject({ hasUndo: false, inherited: 0 });

    const error = new SpineError("RUN_CANCELLED", "Enough.").toJSON();
    const undoing = { status: "PENDING", endsAs: "CANCELLED", error } as const;
    const cancel = (runId: string) =>
      controlCommit(runId, ACTIVE, { status: "CANCELLED" }, { ...WITH_CHILDREN, undoing });
    const [result] = await history.commit([cancel(root)]);
    const controlled = { workflow: "demo", status: "CANCELLED", changed: true };
    const { version } = await runOf(history, root);
    expect(result).toEqual({ result: "committed", version, controlled });
    for (const runId of [root, nothingDone, repeated.run.runId]) {
      expect(await runOf(history, runId)).toMatchObject({ status: "CANCELLED", endsAs: null, error: null });
      await expectNoGaps(history, runId);
    }
    const onItsWay = { status: "PENDING", endsAs: "CANCELLED", error };
    expect(await runOf(history, undone)).toMatchObject(onItsWay);
    await expectNoGaps(history, undone);

    // Once more: it is on its way, and nothing of it changes, at work or not.
    const [owned] = (await claim(history)).runs;
    expect(owned?.run.runId).toBe(undone);
    const before = await wholeRun(history, undone);
    const [again] = await history.commit([cancel(undone)]);
    expect(again).toMatchObject({ controlled: { status: "RUNNING", changed: false } });
    expect(await wholeRun(history, undone)).toEqual(before);
    // Paused on its way, it keeps its error, and goes on when it is cancelled as when it is resumed.
    for (const goOn of [cancel(undone), controlCommit(undone, ["PAUSED"], { status: "PENDING" })]) {
      await committed(history, controlCommit(undone, ACTIVE, { status: "PAUSED" }));
      expect(await runOf(history, undone)).toMatchObject({ ...onItsWay, status: "PAUSED" });
      await committed(history, goOn);
      expect(await runOf(history, undone)).toMatchObject(onItsWay);
    }
    // A retry is a new beginning.
    await committed(history, controlCommit(undone, ACTIVE, { status: "FAILED", endsAs: null }));
    await committed(history, controlCommit(undone, ["FAILED"], { status: "PENDING", endsAs: null }));
    expect(await runOf(history, undone)).toMatchObject({ status: "PENDING", endsAs: null, error: null });
  });

  check(
    "a deadline is there for a run that is paused, and begins anew once it is retried",
    async (context) => {
      const { stores, clock } = context;
      const { history } = stores;
      const deadline = clock.now() + 60_000;
      const { runId } = await startRun(history, { deadline });
      await committed(history, controlCommit(runId, ACTIVE, { status: "PAUSED" }));
      expect((await claim(history)).ids).toEqual([]);
      clock.advance(60_000);
      const { runs } = await claim(history);
      expect(runs.map(({ run }) => run.runId)).toEqual([runId]);
      for (let times = 0; times < 2; times += 1) {
        await committed(history, controlCommit(runId, ACTIVE, { status: "FAILED" }));
        clock.advance(90_000);
        await committed(history, controlCommit(runId, ["FAILED"], { status: "PENDING" }));
        const anew = Date.parse((await runOf(history, runId)).deadline ?? "") - clock.now();
        expect(Math.abs(anew - 60_000)).toBeLessThan(1_000);
      }
      // A run that has not ended keeps it.
      const before = (await runOf(history, runId)).deadline;
      clock.advance(1_000);
      await committed(history, controlCommit(runId, ACTIVE, { status: "PAUSED" }));
      await committed(history, controlCommit(runId, ["PAUSED"], { status: "PENDING" }));
      expect((await runOf(history, runId)).deadline).toBe(before);
    },
  );

  check("begins no attempt of a run whose deadline is over when it is claimed", async ({ stores, clock }) => {
    const { history } = stores;
    const late = createCommit({ deadline: clock.now() + 1_000 });
    const inTime = createCommit({ deadline: clock.now() + 60_000 });
    for (const commit of [late, inTime]) await committed(history, commit);
    await history.beat("w", "alive");
    clock.advance(2_000);
    const first = new Map([["demo", { fingerprint: "f1", begun: [stepBegin("first")] }]]);
    const { runs } = await history.claim({ worker: "w", workflows: ["demo"], limit: 10, first });
    const begun = new Map(runs.map((each) => [each.run.runId, each.begun]));
    expect([begun.get(late.run.runId), begun.get(inTime.run.runId)]).toEqual([false, true]);
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
