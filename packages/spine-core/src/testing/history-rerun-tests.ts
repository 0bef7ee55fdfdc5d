import { expect } from "vitest";
import { SpineError } from "../errors.ts";
import type { CreateCommit, NewRun } from "../history/history-store.ts";
import { newId } from "../ids.ts";
import {
  advanceCommit,
  committed,
  createCommit,
  eventsOf,
  expectNoGaps,
  startRun,
  stepBegin,
  stepEnd,
} from "./history-samples.ts";
import { claim } from "./queue-samples.ts";
import type { Check } from "./suite.ts";

const failure = new SpineError("TRANSIENT", "It rained.").toJSON();

function rerun(changes: Partial<NewRun> = {}): CreateCommit {
  return {
    ...createCommit(changes),
    inherited: [
      {
        ...stepEnd("fetch", { attempt: 1, status: "FAILED", error: failure }),
        kind: "fetch",
      },
      {
        ...stepEnd("fetch", {
          attempt: 2,
          output: '{"rows":3}',
          rows: { in: 4, out: 3, rejected: 1 },
          metrics: { pages: 2 },
        }),
        kind: "fetch",
      },
      { ...stepEnd("check", { status: "SKIPPED" }), kind: "quality" },
    ],
    checkpoints: [
      { kind: "checkpoint", step: "fetch", key: "a", value: '{"n":1}' },
      { kind: "checkpoint", step: "fetch", key: "b", value: "null" },
    ],
  };
}

/** Runs that begin with what another one has done, and what else a run is given at its start. */
export function historyRerunTests(check: Check): void {
  check("stores what a run inherits as attempts that have ended", async ({ stores: { history }, clock }) => {
    const commit = rerun({ rerunOf: newId() });
    const { runId } = commit.run;
    // Created; and a beginning and an end each.
    expect(await committed(history, commit)).toBe(7);
    const at = new Date(clock.now()).toISOString();
    const detail = await history.get(runId);
    expect(detail?.run).toMatchObject({ status: "PENDING", version: 7, startedAt: null, outputs: null });
    const common = {
      runId,
      startedAt: at,
      completedAt: at,
      retryAt: null,
      waitingFor: null,
      waitingUntil: null,
      progress: null,
    };
    const nothing = { output: null, error: null, rows: null, metrics: {} };
    expect(detail?.steps).toEqual([
      {
        ...common,
        ...nothing,
        seq: 1,
        name: "fetch",
        kind: "fetch",
        attempt: 1,
        status: "FAILED",
        error: failure,
      },
      {
        ...common,
        ...nothing,
        seq: 2,
        name: "fetch",
        kind: "fetch",
        attempt: 2,
        status: "COMPLETED",
        output: { rows: 3 },
        rows: { in: 4, out: 3, rejected: 1 },
        metrics: { pages: 2 },
      },
      { ...common, ...nothing, seq: 3, name: "check", kind: "quality", attempt: 1, status: "SKIPPED" },
    ]);
    expect(await eventsOf(history, runId)).toEqual([
      "1 run.created",
      "2 step.started",
      "3 step.failed",
      "4 step.started",
      "5 step.completed",
      "6 step.started",
      "7 step.skipped",
    ]);
  });

  check("goes on behind what it has inherited", async ({ stores: { history }, clock }) => {
    const commit = rerun();
    const { runId, fingerprint } = commit.run;
    await committed(history, commit);
    await history.beat("w", "alive");
    clock.advance(250);
    // These are for runs that have nothing: it has got past its first step.
    const first = new Map([["demo", { fingerprint, begun: [stepBegin("fetch")] }]]);
    const { runs } = await history.claim({ worker: "w", workflows: ["demo"], limit: 10, first });
    expect(runs).toMatchObject([{ begun: false, run: { runId, version: 8, crashes: 0 } }]);
    expect(runs[0]?.run.startedAt).toBe(new Date(clock.now()).toISOString());
    expect(runs[0]?.steps).toEqual((await history.get(runId))?.steps);
    expect(runs[0]?.steps).toHaveLength(3);
    expect(runs[0]?.checkpoints).toHaveLength(2);
    expect(runs[0]?.checkpoints).toEqual(
      expect.arrayContaining([
        { step: "fetch", key: "a", value: { n: 1 } },
        { step: "fetch", key: "b", value: null },
      ]),
    );
    expect((await history.events(runId)).at(-1)).toMatchObject({
      type: "run.started",
      data: { worker: "w", reason: "queued" },
    });
    await committed(
      history,
      advanceCommit(runId, runs[0]?.fence ?? { worker: "w", token: 2 }, { begun: [stepBegin("load")] }),
    );
    expect((await history.get(runId))?.steps.at(-1)).toMatchObject({
      seq: 4,
      name: "load",
      status: "RUNNING",
    });
    await expectNoGaps(history, runId);
  });

  check("stores no results for a run that exists already", async ({ stores: { history } }) => {
    const commit = rerun({ key: "k" });
    await committed(history, commit);
    const again = rerun({ key: "k" });
    expect(await history.commit([again])).toEqual([
      { result: "duplicate", runId: commit.run.runId, paramsHash: commit.run.paramsHash },
    ]);
    expect(await history.get(again.run.runId)).toBeUndefined();
    // A run of that id would have nothing.
    await committed(history, createCommit({ runId: again.run.runId }));
    expect((await history.get(again.run.runId))?.steps).toEqual([]);
  });

  check(
    "stores reruns and links in a transaction of the host's",
    async ({ stores: { history }, database, clock }) => {
      const links = {
        parentRunId: newId(),
        parentStep: "first",
        rerunOf: newId(),
        deadline: clock.now() + 60_000,
        queue: "q",
        priority: 3,
      };
      const commit = rerun({ ...links, tags: ["t"] });
      const results = await database.transaction((transaction) => history.createIn(transaction, [commit]));
      expect(results).toEqual([{ result: "committed", version: 7 }]);
      const usual = rerun({ ...links, tags: ["t"] });
      await committed(history, usual);
      const [made, other] = [await history.get(commit.run.runId), await history.get(usual.run.runId)];
      const runId = commit.run.runId;
      expect(made?.run).toEqual({ ...other?.run, runId });
      expect(made?.steps).toEqual(other?.steps.map((step) => ({ ...step, runId })));
      expect(await eventsOf(history, runId)).toEqual(await eventsOf(history, usual.run.runId));
      const { runs } = await claim(history);
      expect(runs.map(({ checkpoints }) => checkpoints.length)).toEqual([2, 2]);
    },
  );

  check("tells of what a run is a repetition, who waits for it, and when it fails", async (context) => {
    const { stores, clock } = context;
    const { history } = stores;
    const links = { parentRunId: newId(), parentStep: "map/a", rerunOf: newId() };
    const deadline = clock.now() + 60_000;
    const queued = createCommit({ ...links, deadline });
    await committed(history, queued);
    const started = await startRun(history, { ...links, deadline });
    const plain = await startRun(history);
    const expected = { ...links, deadline: new Date(deadline).toISOString() };
    const none = { parentRunId: null, parentStep: null, rerunOf: null, deadline: null };
    const { items } = await history.list({});
    for (const [runId, fields] of [
      [queued.run.runId, expected],
      [started.runId, expected],
      [plain.runId, none],
    ] as const) {
      expect((await history.get(runId))?.run).toMatchObject(fields);
      expect(items.find((item) => item.runId === runId)).toMatchObject(fields);
    }
    const { runs } = await claim(history);
    expect(runs.map(({ run }) => run)).toMatchObject([{ runId: queued.run.runId, ...expected }]);
  });
}
