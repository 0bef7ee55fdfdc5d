import { expect } from "vitest";
import type { CommitResult } from "../history/history-store.ts";
import { alertSample, qualitySample } from "./attachment-samples.ts";
import { advanceCommit, committed, createCommit, startRun, stepEnd } from "./history-samples.ts";
import type { Check } from "./suite.ts";

function cancelledAt(result: CommitResult | undefined): { readonly version: number } {
  return { version: result?.result === "committed" ? result.version : Number.NaN };
}

/** Reading and removing what is stored. */
export function historyReadTests(check: Check): void {
  check("knows nothing of a run that does not exist", async ({ stores: { history } }) => {
    expect(await history.get("no-such-run")).toBeUndefined();
    expect(await history.events("no-such-run")).toEqual([]);
    for (const id of [undefined, null, 7]) {
      expect(await history.get(id as never)).toBeUndefined();
      expect(await history.events(id as never)).toEqual([]);
    }
    expect(await history.list({})).toEqual({ items: [], nextCursor: null });
  });

  check(
    "tells what is due and since when, and who has runs in hand",
    async ({ stores: { history }, clock }) => {
      expect(await history.workload()).toEqual({ due: [], workers: [] });
      const now = clock.now();
      for (const [workflow, seconds] of [
        ["demo.b", -10],
        ["demo.a", -5],
        ["demo.b", -1],
        ["demo.a", 3_600],
      ] as const) {
        await committed(history, createCommit({ workflow, availableAt: now + seconds * 1_000 }));
      }
      await startRun(history);
      await startRun(history);
      await history.beat("idle", "alive");
      const { due, workers } = await history.workload();
      const since = (seconds: number) => new Date(now - seconds * 1_000).toISOString();
      expect(due).toEqual([
        { workflow: "demo.b", runs: 2, oldestDueAt: since(10) },
        { workflow: "demo.a", runs: 1, oldestDueAt: since(5) },
      ]);
      expect([...workers].sort((a, b) => a.runs - b.runs)).toEqual([
        { worker: "idle", alive: true, runs: 0 },
        { worker: "worker-1", alive: true, runs: 2 },
      ]);
      await history.beat("idle", "gone");
      await history.beat("worker-1", "gone");
      const after = await history.workload();
      expect(after.workers).toEqual([]);
      expect(after.due.at(-1)).toMatchObject({ workflow: "demo", runs: 2 });
    },
  );

  check("says in one look how far runs are", async ({ stores: { history } }) => {
    const started = await startRun(history);
    const queued = createCommit();
    await committed(history, queued);
    const ids = [started.runId, queued.run.runId];
    const at = async () =>
      new Map((await history.glance([...ids, "no-such-run"])).map((run) => [run.runId, run]));
    const before = await at();
    expect([...before.keys()].sort()).toEqual([...ids].sort());
    expect(before.get(started.runId)).toEqual({
      runId: started.runId,
      status: "RUNNING",
      version: 3,
      token: 1,
      inbox: 0,
    });
    expect(before.get(queued.run.runId)).toEqual({
      runId: queued.run.runId,
      status: "PENDING",
      version: 1,
      token: 1,
      inbox: 0,
    });
    const [cancelled] = await history.commit([
      {
        kind: "control",
        runId: started.runId,
        from: ["RUNNING"],
        change: { status: "CANCELLED" },
        reason: "test",
      },
    ]);
    expect((await at()).get(started.runId)).toMatchObject({ ...cancelledAt(cancelled), status: "CANCELLED" });
    expect((await at()).get(started.runId)?.token).toBeGreaterThan(1);
    expect(await history.glance([])).toEqual([]);
  });

  check("returns events after a number, up to a limit", async ({ stores: { history } }) => {
    const { runId } = await startRun(history);
    expect((await history.events(runId, { after: 1 })).map(({ seq }) => seq)).toEqual([2, 3]);
    expect((await history.events(runId, { after: 1, limit: 1 })).map(({ seq }) => seq)).toEqual([2]);
    expect(await history.events(runId, { after: 3 })).toEqual([]);
  });

  check(
    "refuses a range of events that makes no sense, and says which part",
    async ({ stores: { history } }) => {
      const { runId } = await startRun(history);
      for (const [field, wrong] of [
        ["after", [Number.NaN, -1, 1.5, "1" as never, null as never]],
        ["limit", [Number.NaN, -1, 0, 1.5, "1" as never, null as never]],
      ] as const) {
        for (const value of wrong) {
          await expect(history.events(runId, { [field]: value }), `${field} ${value}`).rejects.toMatchObject({
            category: "VALIDATION",
            message: expect.stringContaining(field),
            detail: { issues: [{ path: `/${field}` }] },
          });
        }
      }
    },
  );

  check("removes old runs that have ended, the oldest first, and no others", async ({ stores, clock }) => {
    const { history, partitions, quality, alerts } = stores;
    const finish = async (status: "COMPLETED" | "FAILED") => {
      const { runId, fence } = await startRun(history);
      const attachments = [
        { kind: "partition", table: "t", partition: { p: runId }, loadId: "l", hash: "h", rows: 1 } as const,
        qualitySample(),
        alertSample(),
      ];
      await committed(
        history,
        advanceCommit(runId, fence, { ended: [stepEnd("first")], run: { status }, attachments }),
      );
      return runId;
    };
    const active = await startRun(history);
    const queued = createCommit();
    await committed(history, queued);
    const old = [await finish("COMPLETED"), await finish("FAILED"), await finish("COMPLETED")];
    clock.advance(60_000);
    const before = clock.now();
    const young = await finish("COMPLETED");

    expect(await history.prune({ before, limit: 2 })).toEqual(old.slice(0, 2));
    expect(await history.prune({ before, limit: 2 })).toEqual(old.slice(2));
    expect(await history.prune({ before, limit: 2 })).toEqual([]);
    expect((await history.list({})).items.map(({ runId }) => runId)).toEqual([
      young,
      queued.run.runId,
      active.runId,
    ]);
    for (const runId of old) {
      expect(await history.events(runId)).toEqual([]);
      expect(await quality.results(runId)).toEqual([]);
    }
    expect((await alerts.list()).map(({ runId }) => runId)).toEqual([young]);
    expect((await history.get(active.runId))?.steps).toHaveLength(1);
    // What is in the tables is still known.
    expect(await partitions.list("t")).toHaveLength(4);
  });
}
