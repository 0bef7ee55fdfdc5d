import { expect } from "vitest";
import type { HistoryStore } from "../history/history-store.ts";
import {
  ACTIVE,
  advanceCommit,
  committed,
  controlCommit,
  createCommit,
  eventsOf,
  expectNoGaps,
  outcome,
  runOf,
  signalCommit,
  startRun,
  startWaitingRun,
  stepBegin,
  stepEnd,
  wholeRun,
} from "./history-samples.ts";
import { claim } from "./queue-samples.ts";
import type { Check } from "./suite.ts";

async function signalsOf(history: HistoryStore, runId: string): Promise<readonly string[] | undefined> {
  return (await history.inbox(runId, []))?.signals.map(({ name }) => name);
}

/** Messages that are sent to runs, and those who take them. */
export function historySignalTests(check: Check): void {
  check("keeps signals in the order in which they came", async ({ stores: { history }, clock }) => {
    const { runId } = await startRun(history);
    expect(await history.inbox(runId, [])).toEqual({ count: 0, signals: [], children: [] });
    const sentAt = new Date(clock.now()).toISOString();
    const first = signalCommit(runId, { signalId: "z", name: "approve", payload: '{"by":"me"}' });
    expect(await committed(history, first)).toBe(4);
    clock.advance(5);
    await history.commit([signalCommit(runId, { name: "a" }), signalCommit(runId, { name: "b" })]);
    expect(await history.inbox(runId, [])).toMatchObject({ count: 3, children: [] });
    expect(await signalsOf(history, runId)).toEqual(["approve", "a", "b"]);
    expect((await history.inbox(runId, []))?.signals[0]).toEqual({
      signalId: "z",
      name: "approve",
      payload: { by: "me" },
      sentAt,
    });
    expect(await runOf(history, runId)).toMatchObject({ inbox: 3, version: 6, token: 1 });
    expect(await history.glance([runId])).toMatchObject([{ inbox: 3, version: 6 }]);
    expect(await eventsOf(history, runId, 3)).toEqual([
      "4 signal.received",
      "5 signal.received",
      "6 signal.received",
    ]);
    expect((await history.events(runId, { after: 3 }))[0]).toMatchObject({ data: { name: "approve" } });
  });

  check(
    "wakes a run that waits, and leaves others in their status",
    async ({ stores: { history }, clock }) => {
      const availableAt = clock.now() + 60_000;
      const pending = createCommit({ availableAt }).run;
      await committed(history, { kind: "create", run: pending, begun: [] });
      const running = await startRun(history);
      const paused = await startWaitingRun(history);
      await committed(history, controlCommit(paused.runId, ACTIVE, { status: "PAUSED" }));
      const waiting = await startWaitingRun(history);
      clock.advance(1_000);
      for (const { runId } of [pending, running, paused, waiting]) {
        const before = await runOf(history, runId);
        const version = await committed(history, signalCommit(runId));
        expect(version).toBe(before.version + 1);
        const now = new Date(clock.now()).toISOString();
        expect(await runOf(history, runId)).toEqual({
          ...before,
          version,
          inbox: 1,
          availableAt: before.status === "WAITING" ? now : before.availableAt,
        });
        await expectNoGaps(history, runId);
      }
      expect((await claim(history)).ids).toEqual([waiting.runId]);
      // What came before it was claimed for the first time is there for its first step.
      clock.advance(60_000);
      expect((await claim(history)).ids).toEqual([pending.runId]);
      expect(await eventsOf(history, pending.runId)).toEqual([
        "1 run.created",
        "2 signal.received",
        "3 run.started",
      ]);
      expect(await signalsOf(history, pending.runId)).toEqual(["approve"]);
    },
  );

  check("stores a signal that is sent again once", async ({ stores: { history } }) => {
    const { runId, fence } = await startRun(history);
    const signal = signalCommit(runId, { signalId: "s1", payload: "1" });
    const version = await committed(history, signal);
    const again = await history.commit([signal, { ...signal, payload: "2" }]);
    expect(again).toEqual([
      { result: "committed", version },
      { result: "committed", version },
    ]);
    expect(await history.inbox(runId, [])).toMatchObject({ count: 1, signals: [{ payload: 1 }] });
    // Nor when it was taken, or the run has ended.
    await committed(history, advanceCommit(runId, fence, { taken: ["s1"] }));
    expect((await history.commit([signal])).map(outcome)).toEqual(["committed"]);
    await committed(history, advanceCommit(runId, fence, { run: { status: "COMPLETED" } }));
    expect((await history.commit([signal])).map(outcome)).toEqual(["committed"]);
    expect(await history.inbox(runId, [])).toMatchObject({ count: 1, signals: [] });
    // Ids are those of one run.
    const other = await startRun(history);
    await committed(history, { ...signal, runId: other.runId });
    expect(await signalsOf(history, other.runId)).toEqual(["approve"]);
  });

  check("refuses a signal to a run that has ended, or does not exist", async ({ stores: { history } }) => {
    const { runId, fence } = await startRun(history);
    await committed(
      history,
      advanceCommit(runId, fence, { ended: [stepEnd("first")], run: { status: "COMPLETED" } }),
    );
    const before = await wholeRun(history, runId);
    const missing = createCommit().run.runId;
    expect(
      await history.commit([signalCommit(runId), signalCommit(missing), signalCommit("no-such-run")]),
    ).toEqual([{ result: "conflict", status: "COMPLETED" }, { result: "missing" }, { result: "missing" }]);
    expect(await wholeRun(history, runId)).toEqual(before);
    expect(await history.inbox(runId, [])).toEqual({ count: 0, signals: [], children: [] });
    for (const id of [missing, "no-such-run"]) expect(await history.inbox(id, [])).toBeUndefined();
  });

  check("does not fence the owner of a run", async ({ stores: { history }, database }) => {
    const { runId, fence } = await startRun(history);
    await committed(history, signalCommit(runId));
    await committed(
      history,
      advanceCommit(runId, fence, { ended: [stepEnd("first")], begun: [stepBegin("second")] }),
    );
    // At the same time, in one call, and inside of a transaction.
    const results = await Promise.all([
      history.commit([signalCommit(runId)]),
      history.commit([
        advanceCommit(runId, fence, { ended: [stepEnd("second")], begun: [stepBegin("third")] }),
        signalCommit(runId),
      ]),
      history.commit([signalCommit(runId)]),
    ]);
    expect(results.flat().map(outcome)).toEqual(["committed", "committed", "committed", "committed"]);
    await committed(history, signalCommit(runId));
    const commit = advanceCommit(runId, fence, { ended: [stepEnd("third")], run: { status: "COMPLETED" } });
    const [result] = await database.transaction((transaction) => history.commit([commit], { transaction }));
    expect(outcome(result)).toBe("committed");
    expect(await runOf(history, runId)).toMatchObject({ status: "COMPLETED", inbox: 5 });
    expect((await history.get(runId))?.steps.map(({ seq, status }) => `${seq} ${status}`)).toEqual([
      "1 COMPLETED",
      "2 COMPLETED",
      "3 COMPLETED",
    ]);
    await expectNoGaps(history, runId);
  });

  check("gives nobody a signal that was taken", async ({ stores: { history } }) => {
    const { runId, fence } = await startRun(history);
    for (const name of ["a", "b", "c"])
      await committed(history, signalCommit(runId, { signalId: name, name }));
    const taken = ["a", "c"];
    const stale = { ...fence, token: 0 };
    const [refused] = await history.commit([advanceCommit(runId, stale, { taken })]);
    expect(outcome(refused)).toBe("fenced");
    expect(await signalsOf(history, runId)).toEqual(["a", "b", "c"]);
    const version = await committed(
      history,
      advanceCommit(runId, fence, { ended: [stepEnd("first", { output: "1" })], taken }),
    );
    expect(version).toBe(7);
    expect(await signalsOf(history, runId)).toEqual(["b"]);
    // It has got three messages all the same: the number is compared with what an owner has seen.
    expect(await history.inbox(runId, [])).toMatchObject({ count: 3 });
    await committed(history, advanceCommit(runId, fence, { taken: ["b"] }));
    expect(await signalsOf(history, runId)).toEqual([]);
    await expectNoGaps(history, runId);
  });

  check("keeps signals for the next owner, and removes them with their run", async (context) => {
    const { stores, clock } = context;
    const { history } = stores;
    const { runId, fence } = await startRun(history);
    await committed(history, signalCommit(runId, { name: "a" }));
    await history.beat(fence.worker, "gone");
    const { runs } = await claim(history, "next");
    expect(await signalsOf(history, runId)).toEqual(["a"]);
    await committed(history, advanceCommit(runId, runs[0]?.fence ?? fence, { run: { status: "FAILED" } }));
    await committed(history, controlCommit(runId, ["FAILED"], { status: "PENDING" }));
    expect(await history.inbox(runId, [])).toMatchObject({ count: 1, signals: [{ name: "a" }] });
    await committed(history, controlCommit(runId, ACTIVE, { status: "CANCELLED" }));
    clock.advance(1_000);
    expect(await history.prune({ before: clock.now(), limit: 10 })).toEqual([runId]);
    expect(await history.inbox(runId, [])).toBeUndefined();
    // A run of the same id, which nobody would make, gets nothing of it.
    await committed(history, createCommit({ runId }));
    expect(await history.inbox(runId, [])).toEqual({ count: 0, signals: [], children: [] });
  });
}
