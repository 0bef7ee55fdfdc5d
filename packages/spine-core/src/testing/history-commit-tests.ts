import { expect } from "vitest";
import { SpineError } from "../errors.ts";
import { loadSample, partitionSample, qualitySample } from "./attachment-samples.ts";
import {
  advanceCommit,
  committed,
  createCommit,
  expectNoGaps,
  outcome,
  startRun,
  stepBegin,
  stepEnd,
  wholeRun,
} from "./history-samples.ts";
import type { Check } from "./suite.ts";

const failure = new SpineError("TRANSIENT", "It rained.").toJSON();

/** Creating runs and moving them on. */
export function historyCommitTests(check: Check): void {
  check("stores a queued run as it was given", async ({ stores: { history }, clock }) => {
    const availableAt = clock.now() + 60_000;
    const partition = { tier: "T1", week: "2025-01-06" };
    const commit = createCommit({ domain: "finra", partition, key: "k1", availableAt, parentRunId: "p1" });
    await committed(history, commit);
    expect(await history.get(commit.run.runId)).toEqual({
      run: {
        runId: commit.run.runId,
        workflow: "demo",
        domain: "finra",
        partition,
        tags: [],
        key: "k1",
        scope: null,
        status: "PENDING",
        version: 1,
        token: 1,
        worker: null,
        fingerprint: "f1",
        params: { week: "2025-01-06" },
        paramsHash: "h1",
        outputs: null,
        error: null,
        metrics: {},
        triggeredBy: "test",
        parentRunId: "p1",
        parentStep: null,
        rerunOf: null,
        deadline: null,
        inbox: 0,
        hasUndo: false,
        inherited: 0,
        endsAs: null,
        queue: null,
        priority: 0,
        concurrencyKey: null,
        crashes: 0,
        createdAt: "2026-01-05T09:00:00.000Z",
        startedAt: null,
        completedAt: null,
        availableAt: "2026-01-05T09:01:00.000Z",
      },
      steps: [],
    });
  });

  check("stores a run that starts at once with its first step, owned", async ({ stores: { history } }) => {
    const { runId, fence } = await startRun(history);
    const detail = await history.get(runId);
    expect(detail?.run).toMatchObject({
      status: "RUNNING",
      worker: fence.worker,
      token: 1,
      availableAt: null,
    });
    expect(detail?.run.startedAt).toBe(detail?.run.createdAt);
    expect(detail?.steps).toMatchObject([
      { name: "first", seq: 1, attempt: 1, status: "RUNNING", output: null },
    ]);
  });

  check(
    "finds the first run of a key, within its workflow and scope only",
    async ({ stores: { history } }) => {
      const first = createCommit({ key: "k", paramsHash: "h1" });
      const results = await history.commit([
        first,
        createCommit({ key: "k", paramsHash: "h2" }),
        createCommit({ key: "k", workflow: "other" }),
        createCommit({ key: "other" }),
        createCommit({ key: "k", scope: "tenant-2" }),
        createCommit({ key: "k", scope: "tenant-2", paramsHash: "h3" }),
      ]);
      expect(results.map(outcome)).toEqual([
        "committed",
        "duplicate",
        "committed",
        "committed",
        "committed",
        "duplicate",
      ]);
      expect(results[1]).toEqual({ result: "duplicate", runId: first.run.runId, paramsHash: "h1" });
      expect((await history.list({})).items).toHaveLength(4);
    },
  );

  check("stores one run when many start with one key at the same time", async ({ stores: { history } }) => {
    const results = await Promise.all(
      Array.from({ length: 20 }, () => history.commit([createCommit({ key: "same" })])),
    );
    const outcomes = results.map(([result]) => outcome(result));
    expect(outcomes.filter((each) => each === "committed")).toHaveLength(1);
    expect(outcomes.filter((each) => each === "duplicate")).toHaveLength(19);
  });

  check("ends an attempt and begins the next in one write", async ({ stores: { history }, clock }) => {
    const { runId, fence } = await startRun(history);
    clock.advance(1_500);
    const ended = stepEnd("first", {
      output: '{"rows":3}',
      rows: { in: 4, out: 3, rejected: 1 },
      metrics: { pages: 2, source: "file" },
    });
    const version = await committed(
      history,
      advanceCommit(runId, fence, { ended: [ended], begun: [stepBegin("second")], metrics: { a: 1 } }),
    );
    const detail = await history.get(runId);
    expect(detail?.run).toMatchObject({ status: "RUNNING", version, metrics: { a: 1 } });
    expect(detail?.steps).toEqual([
      expect.objectContaining({
        name: "first",
        seq: 1,
        status: "COMPLETED",
        output: { rows: 3 },
        rows: { in: 4, out: 3, rejected: 1 },
        metrics: { pages: 2, source: "file" },
        completedAt: "2026-01-05T09:00:01.500Z",
      }),
      expect.objectContaining({
        name: "second",
        seq: 2,
        status: "RUNNING",
        startedAt: "2026-01-05T09:00:01.500Z",
      }),
    ]);
  });

  check("begins attempts that end in the same write", async ({ stores: { history }, clock }) => {
    const { runId, fence } = await startRun(history);
    clock.advance(1_000);
    const version = await committed(
      history,
      advanceCommit(runId, fence, {
        // In whatever order: what ended before comes first, then what begins, then its end.
        ended: [stepEnd("inner", { output: "{}" }), stepEnd("first"), stepEnd("around", { output: "1" })],
        begun: [stepBegin("around"), stepBegin("inner"), stepBegin("last")],
      }),
    );
    const at = "2026-01-05T09:00:01.000Z";
    expect((await history.get(runId))?.steps).toMatchObject([
      { name: "first", seq: 1, status: "COMPLETED", completedAt: at },
      { name: "around", seq: 2, status: "COMPLETED", startedAt: at, completedAt: at, output: 1 },
      { name: "inner", seq: 3, status: "COMPLETED", startedAt: at, completedAt: at, output: {} },
      { name: "last", seq: 4, status: "RUNNING", startedAt: at },
    ]);
    const events = await history.events(runId, { after: 3 });
    const told = events.map(({ type, data }) => [type, (data as { readonly step: string }).step]);
    expect(told).toEqual([
      ["step.completed", "first"],
      ["step.started", "around"],
      ["step.started", "inner"],
      ["step.started", "last"],
      ["step.completed", "inner"],
      ["step.completed", "around"],
    ]);
    await expectNoGaps(history, runId);
    expect((await history.get(runId))?.run.version).toBe(version);
    // Known to the next write as it is in the database, and not under way any more.
    await expect(
      history.commit([advanceCommit(runId, fence, { ended: [stepEnd("around")] })]),
    ).rejects.toThrow("not under way");
    await committed(
      history,
      advanceCommit(runId, fence, {
        ended: [stepEnd("last"), stepEnd("only")],
        begun: [stepBegin("only")],
        run: { status: "COMPLETED" },
      }),
    );
    await expectNoGaps(history, runId);
  });

  check(
    "completes a run: no worker, an end, its outputs, merged metrics",
    async ({ stores: { history } }) => {
      const { runId, fence } = await startRun(history);
      await committed(history, advanceCommit(runId, fence, { metrics: { a: 1, b: "x" } }));
      await committed(
        history,
        advanceCommit(runId, fence, {
          ended: [stepEnd("first")],
          run: { status: "COMPLETED", outputs: '{"first":null}' },
          metrics: { b: "y", c: 3 },
        }),
      );
      const run = (await history.get(runId))?.run;
      expect(run).toMatchObject({
        status: "COMPLETED",
        worker: null,
        outputs: { first: null },
        error: null,
        metrics: { a: 1, b: "y", c: 3 },
        availableAt: null,
      });
      expect(run?.completedAt).not.toBeNull();
    },
  );

  check("fails a run with the error of its step", async ({ stores: { history } }) => {
    const { runId, fence } = await startRun(history);
    await committed(
      history,
      advanceCommit(runId, fence, {
        ended: [stepEnd("first", { status: "FAILED", error: failure })],
        run: { status: "FAILED", error: failure },
      }),
    );
    const detail = await history.get(runId);
    expect(detail?.run).toMatchObject({ status: "FAILED", error: failure, worker: null });
    expect(detail?.steps).toMatchObject([{ status: "FAILED", error: failure, output: null }]);
  });

  check("numbers events without gaps, the last one is the version", async ({ stores: { history } }) => {
    const { runId, fence } = await startRun(history);
    const begun = [stepBegin("a"), stepBegin("b")];
    await committed(history, advanceCommit(runId, fence, { ended: [stepEnd("first")], begun }));
    await committed(history, advanceCommit(runId, fence, { metrics: { rows: 1 } }));
    const version = await committed(
      history,
      advanceCommit(runId, fence, {
        ended: [stepEnd("a"), stepEnd("b", { status: "SKIPPED" })],
        run: { status: "COMPLETED" },
      }),
    );
    const events = await history.events(runId);
    expect(events.map(({ seq }) => seq)).toEqual(Array.from({ length: version }, (_, index) => index + 1));
    expect((await history.get(runId))?.run.version).toBe(version);
    expect(events.map(({ type }) => type)).toEqual([
      "run.created",
      "run.started",
      "step.started",
      "step.completed",
      "step.started",
      "step.started",
      "run.updated",
      "step.completed",
      "step.skipped",
      "run.completed",
    ]);
  });

  check("refuses who does not own the run, and writes nothing at all", async ({ stores, clock }) => {
    const { history } = stores;
    const { runId, fence } = await startRun(history);
    const before = await wholeRun(history, runId);
    clock.advance(1_000);
    const attachments = [loadSample("l1"), partitionSample("l1"), qualitySample()];
    const transition = {
      ended: [stepEnd("first", { output: "1" })],
      begun: [stepBegin("second")],
      run: { status: "COMPLETED" as const },
      metrics: { stale: 1 },
      attachments,
    };
    const results = await history.commit([
      advanceCommit(runId, { ...fence, token: 0 }, transition),
      advanceCommit(runId, { ...fence, token: 2 }, transition),
      advanceCommit(runId, { ...fence, worker: "worker-2" }, transition),
    ]);
    expect(results.map(outcome)).toEqual(["fenced", "fenced", "fenced"]);
    expect(await wholeRun(history, runId)).toEqual(before);
    expect(await stores.partitions.list("trades")).toEqual([]);
  });

  check(
    "refuses the owner of a run that has ended, and of one that waits",
    async ({ stores: { history } }) => {
      const { runId, fence } = await startRun(history);
      await committed(
        history,
        advanceCommit(runId, fence, { ended: [stepEnd("first")], run: { status: "COMPLETED" } }),
      );
      const waiting = await startRun(history);
      await committed(
        history,
        advanceCommit(waiting.runId, fence, {
          ended: [stepEnd("first", { status: "FAILED", error: failure, retryAt: 1 })],
          run: { status: "WAITING", availableAt: 1 },
        }),
      );
      for (const id of [runId, waiting.runId]) {
        const before = await wholeRun(history, id);
        const [result] = await history.commit([advanceCommit(id, fence, { begun: [stepBegin("second")] })]);
        expect(outcome(result)).toBe("fenced");
        expect(await wholeRun(history, id)).toEqual(before);
      }
    },
  );

  check("says that a run is missing", async ({ stores: { history } }) => {
    const advance = advanceCommit("no-such-run", { worker: "w", token: 1 }, {});
    const [advanced] = await history.commit([advance]);
    expect(outcome(advanced)).toBe("missing");
  });

  check("changes no run from outside in a transaction of somebody", async ({ database, stores }) => {
    const { history } = stores;
    const { runId } = await startRun(history);
    const before = await wholeRun(history, runId);
    const control = {
      kind: "control",
      runId,
      from: ["RUNNING"],
      change: { status: "CANCELLED" },
      reason: "test",
    } as const;
    const refused = database.transaction((transaction) => history.commit([control], { transaction }));
    await expect(refused).rejects.toMatchObject({ code: "TRANSACTION_INVALID" });
    expect(await wholeRun(history, runId)).toEqual(before);
  });

  check("ends an attempt once", async ({ stores: { history } }) => {
    const { runId, fence } = await startRun(history);
    await committed(history, advanceCommit(runId, fence, { ended: [stepEnd("first", { output: "1" })] }));
    const before = await wholeRun(history, runId);
    const again = advanceCommit(runId, fence, { ended: [stepEnd("first", { output: "2" })] });
    await expect(history.commit([again])).rejects.toMatchObject({ code: "HISTORY_CONFLICT" });
    expect(await wholeRun(history, runId)).toEqual(before);
  });

  check("lets no commit of a call affect another", async ({ stores: { history } }) => {
    const owned = await startRun(history);
    const other = await startRun(history);
    const good = createCommit();
    const calls = [
      history.commit([advanceCommit(owned.runId, owned.fence, { begun: [stepBegin("second")] })]),
      // The same run id again, and the end of an attempt that never began: mistakes of the caller.
      history.commit([createCommit({ runId: owned.runId })]),
      history.commit([
        advanceCommit(other.runId, other.fence, { ended: [stepEnd("unknown")], begun: [stepBegin("x")] }),
      ]),
      history.commit([advanceCommit(other.runId, { ...other.fence, token: 9 }, {})]),
      history.commit([good]),
    ];
    const [first, second, third, fourth, fifth] = await Promise.allSettled(calls);
    expect(first).toMatchObject({ status: "fulfilled", value: [{ result: "committed" }] });
    expect(second).toMatchObject({ status: "rejected", reason: { code: "HISTORY_CONFLICT" } });
    expect(third).toMatchObject({ status: "rejected", reason: { code: "HISTORY_CONFLICT" } });
    expect(fourth).toMatchObject({ status: "fulfilled", value: [{ result: "fenced" }] });
    expect(fifth).toMatchObject({ status: "fulfilled", value: [{ result: "committed" }] });
    expect((await history.get(owned.runId))?.steps).toHaveLength(2);
    expect((await history.get(other.runId))?.steps).toHaveLength(1);
    expect((await history.get(other.runId))?.run.version).toBe(3);
    expect(await history.get(good.run.runId)).toBeDefined();
  });

  check("keeps the order of commits to one run", async ({ stores: { history } }) => {
    const { runId, fence } = await startRun(history, {}, []);
    const versions = await Promise.all(
      Array.from({ length: 30 }, async (_, index) => {
        const [result] = await history.commit([
          advanceCommit(runId, fence, { begun: [stepBegin(`s${index}`)] }),
        ]);
        return result?.result === "committed" ? result.version : 0;
      }),
    );
    expect(versions).toEqual(Array.from({ length: 30 }, (_, index) => index + 3));
    expect((await history.get(runId))?.steps.map(({ seq }) => seq)).toEqual(
      Array.from({ length: 30 }, (_, index) => index + 1),
    );
  });
}
