import { expect } from "vitest";
import { SpineError } from "../errors.ts";
import type { RunChange } from "../history/history-store.ts";
import { isTerminal } from "../history/records.ts";
import {
  ACTIVE,
  advanceCommit,
  committed,
  controlCommit,
  createCommit,
  expectNoGaps,
  outcome,
  startRun,
  stepBegin,
  stepEnd,
} from "./history-samples.ts";
import type { Check } from "./suite.ts";

const failure = new SpineError("TRANSIENT", "It rained.").toJSON();

/** Who works on what: claiming, letting go, taking over, and control from outside. */
export function historyClaimTests(check: Check): void {
  check("claims what is due in the order in which it became due", async ({ stores: { history }, clock }) => {
    const at = clock.now();
    const late = createCommit({ availableAt: at });
    const early = createCommit({ availableAt: at - 5_000 });
    const future = createCommit({ availableAt: at + 5_000 });
    const foreign = createCommit({ workflow: "unknown", availableAt: at - 9_000 });
    await history.commit([late, early, future, foreign]);
    await history.beat("w", "alive");

    const first = await history.claim({ worker: "w", workflows: ["demo", "idle"], limit: 1 });
    expect(first.runs.map(({ run }) => run.runId)).toEqual([early.run.runId]);
    expect(first.nextAt).toBe(at);
    const rest = await history.claim({ worker: "w", workflows: ["demo"], limit: 10 });
    expect(rest.runs.map(({ run }) => run.runId)).toEqual([late.run.runId]);
    expect(rest.nextAt).toBe(at + 5_000);
    clock.advance(5_000);
    const last = await history.claim({ worker: "w", workflows: ["demo"], limit: 10 });
    expect(last.runs.map(({ run }) => run.runId)).toEqual([future.run.runId]);
    expect(last.nextAt).toBeNull();
    expect(await history.claim({ worker: "w", workflows: [], limit: 10 })).toEqual({
      runs: [],
      nextAt: null,
    });
  });

  check("gives a claimed run to its worker with a higher token", async ({ stores: { history }, clock }) => {
    const commit = createCommit();
    await committed(history, commit);
    await history.beat("w", "alive");
    clock.advance(250);
    const { runs } = await history.claim({ worker: "w", workflows: ["demo"], limit: 10 });
    const [claimed] = runs;
    expect(claimed?.fence).toEqual({ worker: "w", token: 2 });
    expect(claimed?.run).toMatchObject({
      status: "RUNNING",
      worker: "w",
      token: 2,
      crashes: 0,
      startedAt: "2026-01-05T09:00:00.250Z",
      availableAt: null,
    });
    expect(claimed?.run).toEqual((await history.get(commit.run.runId))?.run);
    expect((await history.events(commit.run.runId)).at(-1)).toMatchObject({
      type: "run.started",
      seq: claimed?.run.version,
      data: { worker: "w", reason: "queued" },
    });
    await committed(
      history,
      advanceCommit(commit.run.runId, { worker: "w", token: 2 }, { begun: [stepBegin("first")] }),
    );
  });

  check("tells what is in the hands of a worker", async ({ stores: { history } }) => {
    await history.beat("other", "alive");
    const { runId, fence } = await startRun(history, { worker: "w" });
    await startRun(history, { worker: "other" });
    const [queued, left] = [createCommit(), createCommit()];
    await history.commit([queued]);
    await history.claim({ worker: "w", workflows: ["demo"], limit: 1 });
    await history.commit([left]);
    const owned = async (worker: string) =>
      (await history.owned(worker)).map((run) => [run.runId, run.status, run.token]).sort();
    const claimed = [queued.run.runId, "RUNNING", 2] as const;
    expect(await owned("w")).toEqual([[runId, "RUNNING", 1], claimed].sort());
    await committed(history, advanceCommit(runId, fence, { run: { status: "PENDING" } }));
    expect(await owned("w")).toEqual([claimed]);
    expect(await owned("nobody")).toEqual([]);
  });

  check("begins what has never begun, where it is told with what", async ({ stores: { history }, clock }) => {
    const fresh = createCommit();
    const changed = createCommit({ fingerprint: "of another deployment" });
    const foreign = createCommit({ workflow: "idle" });
    await history.commit([fresh, changed, foreign]);
    await history.beat("w", "alive");
    clock.advance(250);
    const first = new Map([["demo", { fingerprint: fresh.run.fingerprint, begun: [stepBegin("first")] }]]);
    const claim = await history.claim({ worker: "w", workflows: ["demo", "idle"], limit: 10, first });
    const claimed = new Map(claim.runs.map((run) => [run.run.runId, run]));
    const begun = claimed.get(fresh.run.runId);
    expect(begun).toMatchObject({
      begun: true,
      fence: { worker: "w", token: 2 },
      run: { version: 3, status: "RUNNING" },
      steps: [
        { name: "first", attempt: 1, seq: 1, status: "RUNNING", startedAt: "2026-01-05T09:00:00.250Z" },
      ],
    });
    expect(await history.get(fresh.run.runId)).toEqual({ run: begun?.run, steps: begun?.steps });
    expect((await history.events(fresh.run.runId)).map(({ seq, type }) => `${seq} ${type}`)).toEqual([
      "1 run.created",
      "2 run.started",
      "3 step.started",
    ]);
    for (const { run } of [changed, foreign]) {
      expect(claimed.get(run.runId)).toMatchObject({ begun: false, steps: [], run: { version: 2 } });
    }
    // The owner goes on from there without another look.
    await committed(
      history,
      advanceCommit(
        fresh.run.runId,
        { worker: "w", token: 2 },
        { ended: [stepEnd("first")], begun: [stepBegin("second")] },
      ),
    );
    const { steps } = (await history.get(fresh.run.runId)) ?? { steps: [] };
    expect(steps.map(({ name, seq, status }) => `${seq} ${name} ${status}`)).toEqual([
      "1 first COMPLETED",
      "2 second RUNNING",
    ]);
  });

  check(
    "a run that goes on comes with its attempts, however many there were",
    async ({ stores: { history } }) => {
      await history.beat("w", "alive");
      for (let finished = 0; finished < 5; finished += 1) {
        const names = Array.from({ length: finished + 1 }, (_, index) => `step ${index}`);
        const [only = ""] = names;
        const { runId, fence } = await startRun(history, { worker: "w" }, [only]);
        for (const [index, name] of names.slice(0, -1).entries()) {
          const begun = [stepBegin(names[index + 1] ?? "")];
          await committed(history, advanceCommit(runId, fence, { ended: [stepEnd(name)], begun }));
        }
        const last = stepEnd(names.at(-1) ?? "", { status: "FAILED", error: failure, retryAt: 1 });
        const run = { status: "WAITING" as const, availableAt: 1 };
        await committed(history, advanceCommit(runId, fence, { ended: [last], run }));
        const first = new Map([["demo", { fingerprint: "f1", begun: [stepBegin("step 0")] }]]);
        const { runs } = await history.claim({ worker: "w", workflows: ["demo"], limit: 10, first });
        expect(runs).toMatchObject([{ begun: false, run: { runId } }]);
        expect(runs[0]?.steps.map(({ name }) => name)).toEqual(names);
      }
    },
  );

  check("what a claim has begun is lost with its worker, as any attempt", async (context) => {
    const { again } = context;
    const { history } = context.stores;
    const queued = createCommit();
    await committed(history, queued);
    const first = new Map([["demo", { fingerprint: queued.run.fingerprint, begun: [stepBegin("first")] }]]);
    const request = { workflows: ["demo"], limit: 10, first };
    await history.beat("first owner", "alive");
    expect((await history.claim({ worker: "first owner", ...request })).runs).toHaveLength(1);
    if (!again) return;
    const other = await again();
    try {
      await context.close();
      await other.stores.history.beat("second owner", "alive");
      const { runs } = await other.stores.history.claim({ worker: "second owner", ...request });
      expect(runs).toMatchObject([
        {
          begun: false,
          run: { crashes: 1, version: 4 },
          steps: [{ name: "first", attempt: 1, status: "RUNNING" }],
        },
      ]);
    } finally {
      await other.close();
    }
  });

  check("never gives a run to two workers", async ({ stores: { history } }) => {
    await history.commit(Array.from({ length: 60 }, () => createCommit()));
    const workers = Array.from({ length: 8 }, (_, index) => `w${index}`);
    await Promise.all(workers.map((worker) => history.beat(worker, "alive")));
    const claims = await Promise.all(
      workers.map((worker) => history.claim({ worker, workflows: ["demo"], limit: 10 })),
    );
    const ids = claims.flatMap(({ runs }) => runs.map(({ run }) => run.runId));
    expect(ids).toHaveLength(60);
    expect(new Set(ids).size).toBe(60);
  });

  check("claims a waiting run when its time has come", async ({ stores: { history }, clock }) => {
    const { runId, fence } = await startRun(history);
    const retryAt = clock.now() + 2_000;
    await committed(
      history,
      advanceCommit(runId, fence, {
        ended: [stepEnd("first", { status: "FAILED", error: failure, retryAt })],
        run: { status: "WAITING", availableAt: retryAt },
      }),
    );
    expect((await history.get(runId))?.run).toMatchObject({ status: "WAITING", worker: null });
    await history.beat("w", "alive");
    const early = await history.claim({ worker: "w", workflows: ["demo"], limit: 10 });
    expect(early).toEqual({ runs: [], nextAt: retryAt });
    clock.advance(2_000);
    const { runs } = await history.claim({ worker: "w", workflows: ["demo"], limit: 10 });
    expect(runs).toMatchObject([{ run: { runId, crashes: 0 }, fence: { worker: "w", token: 2 } }]);
    expect(runs[0]?.steps).toMatchObject([
      { status: "FAILED", error: failure, retryAt: "2026-01-05T09:00:02.000Z" },
    ]);
    expect((await history.events(runId)).at(-1)).toMatchObject({
      type: "run.resumed",
      data: { reason: "waiting" },
    });
  });

  check("leaves the runs of a living worker alone", async ({ stores: { history } }) => {
    const { fence } = await startRun(history);
    await history.beat("w", "alive");
    await history.beat(fence.worker, "alive");
    expect((await history.claim({ worker: "w", workflows: ["demo"], limit: 10 })).runs).toEqual([]);
  });

  check(
    "frees the runs of a worker that stops, without counting a crash",
    async ({ stores: { history } }) => {
      const { runId, fence } = await startRun(history, { worker: "stopping" });
      await history.beat("w", "alive");
      await history.beat("stopping", "gone");
      const released = await history.get(runId);
      expect(released?.run).toMatchObject({ status: "PENDING", worker: null, crashes: 0 });
      expect(released?.steps).toMatchObject([{ status: "CANCELLED", error: { code: "STOPPED" } }]);
      const [late] = await history.commit([advanceCommit(runId, fence, { ended: [stepEnd("first")] })]);
      expect(outcome(late)).toBe("fenced");
      const { runs } = await history.claim({ worker: "w", workflows: ["demo"], limit: 10 });
      expect(runs).toMatchObject([{ run: { runId, crashes: 0, worker: "w" } }]);
      await expectNoGaps(history, runId);
    },
  );

  check("takes over the runs of a worker that died, and refuses it from then on", async (context) => {
    const other = await context.again?.();
    if (!other) throw new Error("This test needs `again`; skip it with the reason where there is none.");
    try {
      const { history } = context.stores;
      const begun = await startRun(other.stores.history, { worker: "dying" });
      const idle = await startRun(other.stores.history, { worker: "dying" }, []);
      await history.beat("w", "alive");
      expect((await history.claim({ worker: "w", workflows: ["demo"], limit: 10 })).runs).toEqual([]);
      await other.close();
      const { runs } = await history.claim({ worker: "w", workflows: ["demo"], limit: 10 });
      expect(runs.map(({ run }) => [run.runId, run.crashes])).toEqual([
        [begun.runId, 1],
        [idle.runId, 0],
      ]);
      // The attempt stays as it was left: whoever took over ends it.
      expect(runs[0]?.steps).toMatchObject([{ status: "RUNNING" }]);
      expect((await history.events(begun.runId)).at(-1)).toMatchObject({
        type: "run.resumed",
        data: { worker: "w", reason: "takeover", lost_worker: "dying" },
      });
      const [late] = await history.commit([
        advanceCommit(begun.runId, begun.fence, { ended: [stepEnd("first")] }),
      ]);
      expect(outcome(late)).toBe("fenced");
    } finally {
      await other.close();
    }
  });

  check(
    "cancels a run from outside: its owner is fenced, its attempts end",
    async ({ stores: { history } }) => {
      const { runId, fence } = await startRun(history);
      await committed(history, controlCommit(runId, ACTIVE, { status: "CANCELLED" }));
      const detail = await history.get(runId);
      expect(detail?.run).toMatchObject({ status: "CANCELLED", worker: null, token: 2, availableAt: null });
      expect(detail?.run.completedAt).not.toBeNull();
      expect(detail?.steps).toMatchObject([{ status: "CANCELLED" }]);
      expect(detail?.steps[0]?.completedAt).not.toBeNull();
      const [late] = await history.commit([advanceCommit(runId, fence, { ended: [stepEnd("first")] })]);
      expect(outcome(late)).toBe("fenced");
      const events = await history.events(runId);
      expect(events.slice(-2)).toMatchObject([
        { type: "step.cancelled", data: { step: "first" } },
        { type: "run.cancelled", data: { reason: "test" } },
      ]);
      await expectNoGaps(history, runId);
    },
  );

  check("changes a run from outside only from the statuses named", async ({ stores: { history } }) => {
    const { runId } = await startRun(history);
    const results = await history.commit([
      controlCommit(runId, ["FAILED", "CANCELLED"], { status: "PENDING" }),
      controlCommit("no-such-run", ACTIVE, { status: "CANCELLED" }),
    ]);
    expect(results).toEqual([{ result: "conflict", status: "RUNNING" }, { result: "missing" }]);
    expect((await history.get(runId))?.run).toMatchObject({ status: "RUNNING", token: 1 });
  });

  check("queues a failed run again: nothing of its end is left", async ({ stores: { history }, clock }) => {
    const { runId, fence } = await startRun(history);
    await committed(
      history,
      advanceCommit(runId, fence, {
        ended: [stepEnd("first", { status: "FAILED", error: failure })],
        run: { status: "FAILED", error: failure, outputs: "{}" },
      }),
    );
    clock.advance(1_000);
    const change: RunChange = { status: "PENDING", error: null, availableAt: clock.now() + 500 };
    await committed(history, controlCommit(runId, ["FAILED"], change));
    const run = (await history.get(runId))?.run;
    expect(run).toMatchObject({
      status: "PENDING",
      error: null,
      outputs: null,
      completedAt: null,
      availableAt: "2026-01-05T09:00:01.500Z",
      token: 2,
    });
    expect(run && isTerminal(run.status)).toBe(false);
    clock.advance(500);
    await history.beat("w", "alive");
    const { runs } = await history.claim({ worker: "w", workflows: ["demo"], limit: 10 });
    expect(runs).toMatchObject([{ run: { runId, startedAt: run?.startedAt }, fence: { token: 3 } }]);
    await committed(
      history,
      advanceCommit(runId, { worker: "w", token: 3 }, { begun: [stepBegin("first", 2)] }),
    );
    expect((await history.get(runId))?.steps.map(({ seq, attempt }) => [seq, attempt])).toEqual([
      [1, 1],
      [2, 2],
    ]);
  });

  check("gives the next owner what was recorded inside a step", async ({ stores: { history } }) => {
    const { runId, fence } = await startRun(history);
    const checkpoint = (key: string, value: string) =>
      ({ kind: "checkpoint", step: "first", key, value }) as const;
    await committed(history, advanceCommit(runId, fence, { attachments: [checkpoint("a", '{"n":1}')] }));
    await committed(history, advanceCommit(runId, fence, { attachments: [checkpoint("b", "null")] }));
    const stale = { ...fence, token: 0 };
    const [refused] = await history.commit([
      advanceCommit(runId, stale, { attachments: [checkpoint("c", "1")] }),
    ]);
    expect(outcome(refused)).toBe("fenced");
    const again = history.commit([advanceCommit(runId, fence, { attachments: [checkpoint("a", "2")] })]);
    await expect(again).rejects.toMatchObject({ code: "HISTORY_CONFLICT" });

    await history.beat(fence.worker, "gone");
    await history.beat("next", "alive");
    const { runs } = await history.claim({ worker: "next", workflows: ["demo"], limit: 1 });
    expect(runs[0]?.checkpoints).toHaveLength(2);
    expect(runs[0]?.checkpoints).toEqual(
      expect.arrayContaining([
        { step: "first", key: "a", value: { n: 1 } },
        { step: "first", key: "b", value: null },
      ]),
    );
  });
}
