import { expect } from "vitest";
import type { ClaimRequest, HistoryStore, NewRun } from "../history/history-store.ts";
import {
  advanceCommit,
  committed,
  createCommit,
  runOf,
  startRun,
  stepBegin,
  stepEnd,
  stepWait,
} from "./history-samples.ts";
import type { Check } from "./suite.ts";

const PINNED = new Map([["demo", "new"]]);

async function claimPinned(history: HistoryStore, changes: Partial<ClaimRequest> = {}) {
  await history.beat("w", "alive");
  const request = { worker: "w", workflows: ["demo", "other"], limit: 100, pinned: PINNED, ...changes };
  const claim = await history.claim(request);
  return { ...claim, ids: claim.runs.map(({ run }) => run.runId) };
}

/** A run that has begun, and waits until a time. */
async function waiting(
  history: HistoryStore,
  changes: Partial<NewRun>,
  availableAt: number,
): Promise<string> {
  const { runId, fence } = await startRun(history, changes);
  await committed(
    history,
    advanceCommit(runId, fence, {
      ended: [stepEnd("first", { status: "FAILED", retryAt: availableAt })],
      run: { status: "WAITING", availableAt },
    }),
  );
  return runId;
}

type InQueue = Partial<NewRun> & { readonly at: number };

/** Runs of a queue that have begun, and wait until their times. */
async function waitInQueue(history: HistoryStore, specs: readonly InQueue[]): Promise<readonly string[]> {
  const commits = specs.map(({ at: _at, ...changes }) => createCommit({ queue: "q", ...changes }));
  await history.commit(commits);
  await history.beat("before", "alive");
  const { runs } = await history.claim({ worker: "before", workflows: ["demo"], limit: specs.length });
  const fences = new Map(runs.map(({ run, fence }) => [run.runId, fence]));
  await history.commit(
    commits.map(({ run: { runId } }, index) =>
      advanceCommit(runId, fences.get(runId) ?? { worker: "", token: 0 }, {
        begun: [stepBegin("first")],
        waiting: [stepWait("first")],
        run: { status: "WAITING", availableAt: specs[index]?.at ?? null, inbox: 0 },
      }),
    ),
  );
  return commits.map(({ run }) => run.runId);
}

/** Runs that are left to workers which have the version that they began with. */
export function historyPinnedTests(check: Check): void {
  check("leaves runs of another version to who has it", async ({ stores: { history }, clock }) => {
    const now = clock.now();
    const old = await waiting(history, { fingerprint: "old" }, now - 9);
    const own = await waiting(history, { fingerprint: "new" }, now - 8);
    const other = await waiting(history, { fingerprint: "old", workflow: "other" }, now - 7);
    const fresh = createCommit({ fingerprint: "old", availableAt: now - 6 });
    const inherited = {
      ...createCommit({ fingerprint: "old", availableAt: now - 5 }),
      inherited: [{ ...stepEnd("first"), kind: "lambda" }],
    };
    await history.commit([fresh, inherited]);
    const first = new Map([["demo", { fingerprint: "new", begun: [stepBegin("first")] }]]);
    const { runs, ids, nextAt } = await claimPinned(history, { first });
    // Those that have never begun have no version to keep; which one they began with is for their owner to say.
    expect(ids).toEqual([own, other, fresh.run.runId]);
    expect(nextAt).toBeNull();
    expect(runs.at(-1)).toMatchObject({ begun: false, run: { fingerprint: "old" }, steps: [] });
    expect(await runOf(history, old)).toMatchObject({ status: "WAITING", token: 1 });
    const theirs = await claimPinned(history, { worker: "w2", pinned: new Map([["demo", "old"]]) });
    expect(theirs.ids).toEqual([old, inherited.run.runId]);
  });

  check("what is left alone stands in nobody's way", async ({ stores: { history }, clock }) => {
    const now = clock.now();
    const inQueue = await waitInQueue(history, [
      ...Array.from({ length: 30 }, (_, index) => ({ fingerprint: "old", at: now - 1_000 + index })),
      ...[97, 96, 95].map((ago) => ({ fingerprint: "new", at: now - ago })),
    ]);
    for (let index = 0; index < 30; index += 1) {
      await waiting(history, { fingerprint: "old" }, now - 1_000 + index);
    }
    const own: string[] = [];
    for (const ago of [100, 99, 98]) own.push(await waiting(history, { fingerprint: "new" }, now - ago));
    own.push(...inQueue.slice(30));
    await waiting(history, { fingerprint: "new" }, now + 1_000);
    const part = await claimPinned(history, { limit: 2 });
    expect(part.ids).toEqual(own.slice(0, 2));
    expect(part.nextAt).toBeLessThanOrEqual(now);
    const rest = await claimPinned(history);
    expect(rest.ids).toEqual(own.slice(2));
    expect(rest.nextAt).toBe(now + 1_000);
  });

  check("nor where a queue has limits", async ({ stores: { history, queues }, clock }) => {
    const now = clock.now();
    const runs = await waitInQueue(history, [
      ...Array.from({ length: 60 }, (_, index) => ({
        fingerprint: "old",
        concurrencyKey: "k",
        at: now - 1_000 + index,
      })),
      ...["k", "k", "k", "l", "l"].map((concurrencyKey, index) => ({
        fingerprint: "new",
        concurrencyKey,
        at: now - 100 + index,
      })),
    ]);
    await queues.set("q", { keyConcurrency: 2, concurrency: 3 });
    const own = runs.slice(60);
    expect((await claimPinned(history)).ids).toEqual([own[0], own[1], own[3]]);
  });

  check(
    "says how much of what is due has begun with another version",
    async ({ stores: { history }, clock }) => {
      const at = clock.now();
      await waiting(history, { fingerprint: "old" }, at);
      await waiting(history, { fingerprint: "old", workflow: "other" }, at);
      await waiting(history, { fingerprint: "new" }, at);
      await committed(history, createCommit({ fingerprint: "old" }));
      const runsOf = async (pinned?: ReadonlyMap<string, string>) =>
        (await history.workload(pinned ? { pinned } : {})).due
          .map(({ workflow, runs, foreign }) => [workflow, runs, foreign])
          .sort();
      expect(await runsOf(PINNED)).toEqual([
        ["demo", 3, 1],
        ["other", 1, undefined],
      ]);
      expect(await runsOf()).toEqual([
        ["demo", 3, undefined],
        ["other", 1, undefined],
      ]);
    },
  );

  check("takes over only what it has the version of", async (context) => {
    const other = await context.again?.();
    if (!other) return;
    try {
      const { history } = context.stores;
      const theirs = other.stores.history;
      const old = await startRun(theirs, { worker: "dying", fingerprint: "old" });
      const own = await startRun(theirs, { worker: "dying", fingerprint: "new" });
      const idle = await startRun(theirs, { worker: "dying", fingerprint: "old" }, []);
      await other.close();
      expect([...(await claimPinned(history)).ids].sort()).toEqual([own.runId, idle.runId].sort());
      expect(await runOf(history, old.runId)).toMatchObject({ status: "RUNNING", token: 1 });
      const heir = await claimPinned(history, { worker: "w2", pinned: new Map([["demo", "old"]]) });
      expect(heir.ids).toEqual([old.runId]);
    } finally {
      await other.close();
    }
  });
}
