import { expect } from "vitest";
import { SpineError } from "../errors.ts";
import type { HistoryStore, NewRun } from "../history/history-store.ts";
import { newId } from "../ids.ts";
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
  stepWait,
  wholeRun,
} from "./history-samples.ts";
import { claim } from "./queue-samples.ts";
import type { Check } from "./suite.ts";

const failure = new SpineError("TRANSIENT", "It rained.").toJSON();

function childOf(parentRunId: string, changes: Partial<NewRun> = {}): NewRun {
  return createCommit({ workflow: "child", parentRunId, parentStep: "first", ...changes }).run;
}

/** Stores a child that is at work at once. */
async function startChild(history: HistoryStore, parentRunId: string, changes: Partial<NewRun> = {}) {
  const change = { workflow: "child", parentRunId, parentStep: "first", ...changes };
  return await startRun(history, { worker: "worker of children", ...change });
}

/** Runs that others started, and whose ends are messages to these. */
export function historyChildTests(check: Check): void {
  check("creates children with a transition", async ({ stores: { history }, clock }) => {
    const parent = await startRun(history);
    const availableAt = clock.now() + 1_000;
    const urgent = childOf(parent.runId, {
      queue: "q",
      priority: 7,
      concurrencyKey: "c",
      tags: ["t"],
      partition: { week: "w" },
      domain: "finra",
      params: '{"n":1}',
      triggeredBy: "step",
    });
    const later = childOf(parent.runId, { parentStep: null, availableAt });
    const plain = childOf(parent.runId, { parentStep: "b" });
    const version = await committed(
      history,
      advanceCommit(parent.runId, parent.fence, {
        waiting: [stepWait("first", { reason: "runs" })],
        children: [urgent, later, plain],
      }),
    );
    // Nothing but what happened to the parent itself counts.
    expect(version).toBe(4);
    expect(await eventsOf(history, parent.runId, 3)).toEqual(["4 step.waiting"]);
    expect(await runOf(history, parent.runId)).toMatchObject({ version: 4, inbox: 0, status: "RUNNING" });
    const usual = createCommit({ ...urgent, runId: newId() });
    await committed(history, usual);
    expect(await runOf(history, urgent.runId)).toEqual({
      ...(await runOf(history, usual.run.runId)),
      runId: urgent.runId,
    });
    expect(await runOf(history, urgent.runId)).toMatchObject({
      status: "PENDING",
      version: 1,
      parentRunId: parent.runId,
      parentStep: "first",
      queue: "q",
      priority: 7,
      params: { n: 1 },
    });
    expect(await runOf(history, later.runId)).toMatchObject({ parentRunId: parent.runId, parentStep: null });
    expect(await eventsOf(history, plain.runId)).toEqual(["1 run.created"]);
    const claimed = await claim(history, "w", { workflows: ["child"] });
    expect([...claimed.ids].sort()).toEqual([urgent.runId, usual.run.runId, plain.runId].sort());
    expect(claimed.nextAt).toBe(availableAt);
    const { items } = await history.list({ parentRunId: parent.runId });
    expect(items.map(({ runId, parentStep }) => [runId, parentStep])).toEqual(
      [urgent, later, plain, usual.run]
        .sort((a, b) => (a.runId < b.runId ? 1 : -1))
        .map(({ runId, parentStep }) => [runId, parentStep]),
    );
    const waiting = await history.list({ parentRunId: parent.runId, status: ["PENDING"], workflow: "child" });
    expect(waiting.items.map(({ runId }) => runId)).toEqual([later.runId]);
    expect((await history.list({ parentRunId: plain.runId })).items).toEqual([]);
  });

  check("creates none for who does not own the run", async ({ stores: { history }, database }) => {
    const { runId, fence } = await startRun(history);
    const child = childOf(runId);
    const zombie = advanceCommit(runId, { ...fence, token: 0 }, { children: [child] });
    expect((await history.commit([zombie])).map(outcome)).toEqual(["fenced"]);
    // Nor one whose transition is refused for another reason.
    const wrong = advanceCommit(runId, fence, { ended: [stepEnd("unknown")], children: [child] });
    await expect(history.commit([wrong])).rejects.toMatchObject({ code: "HISTORY_CONFLICT" });
    const undone = database.transaction(async (transaction) => {
      const commit = advanceCommit(runId, fence, { children: [child] });
      const [result] = await history.commit([commit], { transaction });
      expect(outcome(result)).toBe("committed");
      throw new Error("no");
    });
    await expect(undone).rejects.toThrow("no");
    expect(await history.get(child.runId)).toBeUndefined();
    expect((await claim(history, "w", { workflows: ["child"] })).ids).toEqual([]);
  });

  check("leaves a child that exists as it is", async ({ stores: { history } }) => {
    const { runId, fence } = await startRun(history);
    const [child, sibling] = [childOf(runId), childOf(runId)];
    await committed(history, advanceCommit(runId, fence, { children: [child] }));
    const { runs } = await claim(history, "w", { workflows: ["child"] });
    const before = await wholeRun(history, child.runId);
    const children = [{ ...child, params: '{"other":1}' }, sibling];
    await committed(history, advanceCommit(runId, fence, { begun: [stepBegin("second")], children }));
    expect(await wholeRun(history, child.runId)).toEqual(before);
    expect(await runOf(history, sibling.runId)).toMatchObject({ status: "PENDING" });
    const owner = runs[0]?.fence ?? fence;
    await committed(history, advanceCommit(child.runId, owner, { run: { status: "COMPLETED" } }));
    expect((await history.get(runId))?.run.inbox).toBe(1);
  });

  check("the end of a child wakes the run that waits for it", async ({ stores: { history }, clock }) => {
    for (const status of ["COMPLETED", "FAILED", "CANCELLED"] as const) {
      const parent = await startWaitingRun(history);
      const child = await startChild(history, parent.runId);
      const before = await runOf(history, parent.runId);
      clock.advance(1_000);
      if (status === "CANCELLED") {
        await committed(history, controlCommit(child.runId, ACTIVE, { status }));
      } else {
        const run = { status, ...(status === "FAILED" ? { error: failure } : {}) };
        await committed(
          history,
          advanceCommit(child.runId, child.fence, { ended: [stepEnd("first", { output: "7" })], run }),
        );
      }
      // A message to it, and no write of its own: whoever follows its events sees it go on.
      const availableAt = new Date(clock.now()).toISOString();
      expect(await runOf(history, parent.runId)).toEqual({ ...before, inbox: 1, availableAt });
      expect(await history.inbox(parent.runId, [child.runId])).toEqual({
        count: 1,
        signals: [],
        children: [
          {
            runId: child.runId,
            status,
            outputs: status === "COMPLETED" ? { first: 7 } : null,
            error: status === "FAILED" ? failure : null,
          },
        ],
      });
      expect((await claim(history)).ids).toEqual([parent.runId]);
      await expectNoGaps(history, parent.runId);
    }
  });

  check(
    "the end of a child is a message to a run that does something else",
    async ({ stores: { history } }) => {
      const running = await startRun(history);
      const paused = await startWaitingRun(history);
      await committed(history, controlCommit(paused.runId, ACTIVE, { status: "PAUSED" }));
      for (const { runId } of [running, paused]) {
        const before = await runOf(history, runId);
        const child = await startChild(history, runId);
        await committed(history, advanceCommit(child.runId, child.fence, { run: { status: "COMPLETED" } }));
        expect(await runOf(history, runId)).toEqual({ ...before, inbox: 1 });
      }
      // Its owner is not fenced by it, and is claimed at once when he has not seen it.
      await committed(
        history,
        advanceCommit(running.runId, running.fence, {
          waiting: [stepWait("first")],
          run: { status: "WAITING", availableAt: null, inbox: 0 },
        }),
      );
      expect((await claim(history)).ids).toEqual([running.runId]);
    },
  );

  check("a child that nobody waits for tells nobody", async ({ stores: { history } }) => {
    const parent = await startWaitingRun(history);
    const child = await startChild(history, parent.runId, { parentStep: null });
    const orphan = await startChild(history, newId());
    const before = await wholeRun(history, parent.runId);
    for (const { runId, fence } of [child, orphan]) {
      await committed(history, advanceCommit(runId, fence, { run: { status: "COMPLETED" } }));
    }
    const waits = await startChild(history, parent.runId);
    await committed(
      history,
      advanceCommit(waits.runId, waits.fence, { run: { status: "WAITING", availableAt: 0 } }),
    );
    await committed(history, controlCommit(waits.runId, ACTIVE, { status: "PAUSED" }));
    expect(await wholeRun(history, parent.runId)).toEqual(before);
    expect((await claim(history)).ids).toEqual([]);
  });

  check("a parent and its children can be written in one call", async ({ stores: { history } }) => {
    const parent = await startRun(history);
    const children = [await startChild(history, parent.runId), await startChild(history, parent.runId)];
    const ends = children.map(({ runId, fence }) =>
      advanceCommit(runId, fence, { ended: [stepEnd("first")], run: { status: "COMPLETED" } }),
    );
    const wait = advanceCommit(parent.runId, parent.fence, {
      waiting: [stepWait("first")],
      run: { status: "WAITING", availableAt: null, inbox: 0 },
    });
    const results = await history.commit([...ends.slice(0, 1), wait, ...ends.slice(1)]);
    expect(results.map(outcome)).toEqual(["committed", "committed", "committed"]);
    expect(await runOf(history, parent.runId)).toMatchObject({ inbox: 2, version: 5 });
    const { runs } = await claim(history);
    expect(runs.map(({ run }) => run.runId)).toEqual([parent.runId]);
    // The same in one call with the end of the parent, and many ends at a time.
    const more = await Promise.all(Array.from({ length: 10 }, () => startChild(history, parent.runId)));
    const fence = runs[0]?.fence ?? parent.fence;
    const all = await Promise.all([
      ...more.map(({ runId, fence }) =>
        history.commit([
          advanceCommit(runId, fence, {
            ended: [stepEnd("first")],
            run: { status: "FAILED", error: failure },
          }),
          signalCommit(parent.runId),
        ]),
      ),
      history.commit([advanceCommit(parent.runId, fence, { begun: [stepBegin("second")] })]),
    ]);
    expect(new Set(all.flat().map(outcome))).toEqual(new Set(["committed"]));
    expect(await runOf(history, parent.runId)).toMatchObject({ inbox: 22, status: "RUNNING" });
    await expectNoGaps(history, parent.runId);
  });

  check("tells which of the children have ended, and with what", async ({ stores: { history } }) => {
    const parent = await startRun(history);
    const [done, failed, busy] = [
      await startChild(history, parent.runId, {}),
      await startChild(history, parent.runId),
      await startChild(history, parent.runId),
    ];
    const queued = childOf(parent.runId);
    await committed(history, { kind: "create", run: queued, begun: [] });
    await committed(
      history,
      advanceCommit(done.runId, done.fence, {
        ended: [stepEnd("first", { status: "FAILED", error: failure, retryAt: 1 })],
        begun: [stepBegin("first", 2), stepBegin("all"), stepBegin("all/a"), stepBegin("none")],
      }),
    );
    await committed(
      history,
      advanceCommit(done.runId, done.fence, {
        ended: [
          stepEnd("first", { attempt: 2, output: '{"rows":3}' }),
          stepEnd("all", { output: '{"a":1}' }),
          stepEnd("all/a", { output: "1" }),
          stepEnd("none", { status: "SKIPPED" }),
        ],
        run: { status: "COMPLETED" },
      }),
    );
    await committed(
      history,
      advanceCommit(failed.runId, failed.fence, {
        ended: [stepEnd("first", { output: "1" })],
        run: { status: "FAILED", error: failure },
      }),
    );
    const all = [done.runId, failed.runId, busy.runId, queued.runId, newId(), "no-such-run"];
    const inbox = await history.inbox(parent.runId, all);
    expect(inbox?.count).toBe(2);
    expect(new Map(inbox?.children.map((end) => [end.runId, end]))).toEqual(
      new Map<string, unknown>([
        [
          done.runId,
          {
            runId: done.runId,
            status: "COMPLETED",
            outputs: { first: { rows: 3 }, all: { a: 1 } },
            error: null,
          },
        ],
        [failed.runId, { runId: failed.runId, status: "FAILED", outputs: null, error: failure }],
      ]),
    );
    expect(inbox?.children).toHaveLength(2);
    expect((await history.inbox(parent.runId, [busy.runId]))?.children).toEqual([]);
  });

  check("keeps a child until the run that waits for it has ended", async ({ stores: { history }, clock }) => {
    const parent = await startWaitingRun(history);
    const child = await startChild(history, parent.runId);
    const detached = await startChild(history, parent.runId, { parentStep: null });
    for (const { runId, fence } of [child, detached]) {
      await committed(history, advanceCommit(runId, fence, { run: { status: "COMPLETED" } }));
    }
    clock.advance(1_000);
    const prune = () => history.prune({ before: clock.now(), limit: 10 });
    expect(await prune()).toEqual([detached.runId]);
    await committed(history, controlCommit(parent.runId, ACTIVE, { status: "CANCELLED" }));
    clock.advance(1_000);
    expect([...(await prune())].sort()).toEqual([parent.runId, child.runId].sort());
  });
}
