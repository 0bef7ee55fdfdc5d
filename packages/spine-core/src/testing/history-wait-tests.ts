import { expect } from "vitest";
import { SpineError } from "../errors.ts";
import type { StepEnd } from "../history/history-store.ts";
import {
  advanceCommit,
  committed,
  eventsOf,
  expectNoGaps,
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

const failure = new SpineError("TIMEOUT", "Nobody answered.").toJSON();

/** Attempts that only wait, and what makes a run that waits claimable. */
export function historyWaitTests(check: Check): void {
  check("says of an attempt that waits for what, and until when", async ({ stores: { history }, clock }) => {
    const { runId, fence } = await startRun(history, {}, ["first", "second"]);
    const until = clock.now() + 60_000;
    const version = await committed(
      history,
      advanceCommit(runId, fence, {
        ended: [stepEnd("second")],
        begun: [stepBegin("third")],
        waiting: [stepWait("first", { reason: "signal approve" }), stepWait("third", { until })],
        run: { status: "WAITING", availableAt: until, inbox: 0 },
      }),
    );
    const at = new Date(until).toISOString();
    const detail = await history.get(runId);
    expect(detail?.run).toMatchObject({ status: "WAITING", worker: null, availableAt: at, version });
    expect(detail?.steps).toMatchObject([
      {
        name: "first",
        status: "WAITING",
        waitingFor: "signal approve",
        waitingUntil: null,
        completedAt: null,
      },
      { name: "second", status: "COMPLETED", waitingFor: null, waitingUntil: null },
      { name: "third", status: "WAITING", waitingFor: null, waitingUntil: at, completedAt: null },
    ]);
    expect(await eventsOf(history, runId)).toEqual([
      "1 run.created",
      "2 run.started",
      "3 step.started",
      "4 step.started",
      "5 step.completed",
      "6 step.started",
      "7 step.waiting",
      "8 step.waiting",
      "9 run.waiting",
    ]);
    expect(version).toBe(9);
    expect((await history.events(runId)).slice(6, 8).map(({ data }) => data)).toEqual([
      { step: "first", attempt: 1, waiting_for: "signal approve" },
      { step: "third", attempt: 1, until: at },
    ]);
  });

  check("goes on while attempts of a run wait", async ({ stores: { history } }) => {
    const { runId, fence } = await startRun(history, {}, ["first", "second"]);
    await committed(
      history,
      advanceCommit(runId, fence, { waiting: [stepWait("first", { reason: "signal a" })] }),
    );
    expect((await history.get(runId))?.run).toMatchObject({ status: "RUNNING", worker: fence.worker });
    await committed(
      history,
      advanceCommit(runId, fence, {
        ended: [stepEnd("second")],
        begun: [stepBegin("third")],
        waiting: [stepWait("third")],
      }),
    );
    // Waits for something else from now on.
    await committed(
      history,
      advanceCommit(runId, fence, { waiting: [stepWait("first", { reason: "signal b" })] }),
    );
    expect((await history.get(runId))?.steps).toMatchObject([
      { name: "first", status: "WAITING", waitingFor: "signal b" },
      { name: "second", status: "COMPLETED" },
      { name: "third", status: "WAITING", waitingFor: null },
    ]);
    expect(await eventsOf(history, runId, 4)).toEqual([
      "5 step.waiting",
      "6 step.completed",
      "7 step.started",
      "8 step.waiting",
      "9 step.waiting",
    ]);
    await expectNoGaps(history, runId);
  });

  check(
    "keeps an attempt that waits for the next owner, who ends it",
    async ({ stores: { history }, clock }) => {
      const { runId, fence } = await startRun(history, {}, ["a", "b", "c"]);
      const until = clock.now() + 1_000;
      const waiting = ["a", "b", "c"].map((name) => stepWait(name, { until, reason: `signal ${name}` }));
      await committed(
        history,
        advanceCommit(runId, fence, { waiting, run: { status: "WAITING", availableAt: until, inbox: 0 } }),
      );
      const startedAt = new Date(clock.now()).toISOString();
      clock.advance(1_000);
      const { runs } = await claim(history, "next");
      expect(runs).toMatchObject([{ run: { runId, crashes: 0 }, begun: false }]);
      expect(runs[0]?.steps).toEqual((await history.get(runId))?.steps);
      expect(runs[0]?.steps).toMatchObject(
        ["a", "b", "c"].map((name) => ({
          name,
          status: "WAITING",
          startedAt,
          waitingFor: `signal ${name}`,
          waitingUntil: new Date(until).toISOString(),
        })),
      );
      const ends: readonly StepEnd[] = [
        stepEnd("a", { output: '{"by":"me"}' }),
        stepEnd("b", { status: "FAILED", error: failure }),
        stepEnd("c", { status: "CANCELLED" }),
      ];
      const next = { worker: "next", token: runs[0]?.fence.token ?? 0 };
      for (const end of ends) await committed(history, advanceCommit(runId, next, { ended: [end] }));
      const completedAt = new Date(clock.now()).toISOString();
      expect((await history.get(runId))?.steps).toMatchObject([
        { seq: 1, status: "COMPLETED", output: { by: "me" }, startedAt, completedAt, waitingFor: null },
        { seq: 2, status: "FAILED", error: failure, startedAt, completedAt, waitingUntil: null },
        { seq: 3, status: "CANCELLED", startedAt, completedAt, waitingFor: null, waitingUntil: null },
      ]);
      await expectNoGaps(history, runId);
    },
  );

  check("lets nothing wait that is not under way", async ({ stores: { history } }) => {
    const { runId, fence } = await startRun(history);
    const before = await wholeRun(history, runId);
    for (const wrong of [stepWait("unknown"), stepWait("first", { attempt: 2 })]) {
      const commit = advanceCommit(runId, fence, { waiting: [wrong] });
      await expect(history.commit([commit])).rejects.toMatchObject({ code: "HISTORY_CONFLICT" });
    }
    expect(await wholeRun(history, runId)).toEqual(before);
  });

  check(
    "a worker that stops ends what its code did, not what only waits",
    async ({ stores: { history } }) => {
      const { runId, fence } = await startRun(history, { worker: "stopping" }, ["first", "second"]);
      await committed(
        history,
        advanceCommit(runId, fence, { waiting: [stepWait("first", { reason: "signal a" })] }),
      );
      await history.beat("stopping", "gone");
      expect(await runOf(history, runId)).toMatchObject({ status: "PENDING" });
      expect((await history.get(runId))?.steps).toMatchObject([
        { name: "first", status: "WAITING", waitingFor: "signal a" },
        { name: "second", status: "CANCELLED", error: { code: "STOPPED" } },
      ]);
      await expectNoGaps(history, runId);
      const { runs } = await claim(history);
      await committed(
        history,
        advanceCommit(runId, runs[0]?.fence ?? fence, {
          ended: [stepEnd("first")],
          begun: [stepBegin("third")],
        }),
      );
      expect((await history.get(runId))?.steps.map(({ seq, status }) => `${seq} ${status}`)).toEqual([
        "1 COMPLETED",
        "2 CANCELLED",
        "3 RUNNING",
      ]);
    },
  );

  check("claims a run that waits for a message when one comes", async ({ stores: { history }, clock }) => {
    const { runId } = await startWaitingRun(history);
    expect(await runOf(history, runId)).toMatchObject({ status: "WAITING", availableAt: null, worker: null });
    clock.advance(10 ** 10);
    expect(await claim(history)).toMatchObject({ runs: [], nextAt: null });
    await committed(history, signalCommit(runId));
    const { runs } = await claim(history);
    expect(runs).toMatchObject([{ run: { runId }, steps: [{ name: "first", status: "WAITING" }] }]);
    expect((await history.events(runId)).at(-1)).toMatchObject({
      type: "run.resumed",
      data: { reason: "waiting" },
    });
  });

  check(
    "claims a run that waits for a time or a message when the first of them comes",
    async ({ stores: { history }, clock }) => {
      const until = clock.now() + 1_000;
      const wait = async () => {
        const { runId, fence } = await startRun(history);
        await committed(
          history,
          advanceCommit(runId, fence, {
            waiting: [stepWait("first", { until, reason: "signal" })],
            run: { status: "WAITING", availableAt: until, inbox: 0 },
          }),
        );
        return runId;
      };
      const [told, left] = [await wait(), await wait()];
      expect(await claim(history)).toMatchObject({ runs: [], nextAt: until });
      await committed(history, signalCommit(told));
      expect(await claim(history)).toMatchObject({ ids: [told], nextAt: until });
      clock.advance(1_000);
      expect(await claim(history)).toMatchObject({ ids: [left], nextAt: null });
    },
  );

  check(
    "does not lose a message that comes while the owner decides to wait",
    async ({ stores: { history }, clock }) => {
      const decide = async (inbox: number, availableAt: number | null) => {
        const { runId, fence } = await startRun(history);
        await committed(history, signalCommit(runId));
        // He looked before it came, or after it.
        await committed(
          history,
          advanceCommit(runId, fence, {
            waiting: [stepWait("first")],
            run: { status: "WAITING", availableAt, inbox },
          }),
        );
        return runId;
      };
      const later = clock.now() + 60_000;
      const missed = [await decide(0, null), await decide(0, later)];
      const seen = [await decide(1, null), await decide(1, later)];
      const claimed = await claim(history);
      expect([...claimed.ids].sort()).toEqual([...missed].sort());
      expect(claimed.nextAt).toBe(later);
      for (const runId of seen)
        expect(await runOf(history, runId)).toMatchObject({ status: "WAITING", inbox: 1 });
    },
  );
}
