import { expect } from "vitest";
import { advanceCommit, committed, createCommit, startRun, stepEnd } from "./history-samples.ts";
import type { Check } from "./suite.ts";

/** Reading and removing what is stored. */
export function historyReadTests(check: Check): void {
  check("knows nothing of a run that does not exist", async ({ stores: { history } }) => {
    expect(await history.get("no-such-run")).toBeUndefined();
    expect(await history.events("no-such-run")).toEqual([]);
    expect(await history.list({})).toEqual({ items: [], nextCursor: null });
  });

  check("lists runs newest first, page by page, each once", async ({ stores: { history } }) => {
    const commits = Array.from({ length: 7 }, () => createCommit());
    await history.commit(commits);
    const ids: string[] = [];
    const sizes: number[] = [];
    let cursor: string | undefined;
    do {
      const page = await history.list({ limit: 3, ...(cursor === undefined ? {} : { cursor }) });
      ids.push(...page.items.map(({ runId }) => runId));
      sizes.push(page.items.length);
      cursor = page.nextCursor ?? undefined;
      // What is added meanwhile does not move the pages.
      await history.commit([createCommit({ workflow: "later" })]);
    } while (cursor !== undefined);
    expect(sizes).toEqual([3, 3, 1]);
    expect(ids).toEqual(commits.map(({ run }) => run.runId).reverse());
    await expect(history.list({ cursor: "nonsense" })).rejects.toMatchObject({ category: "VALIDATION" });
  });

  check("lists what a query asks for", async ({ stores: { history } }) => {
    const a = createCommit({ workflow: "a", domain: "x", partition: { tier: "T1", week: "w" } });
    const b = createCommit({ workflow: "b", domain: "x" });
    await history.commit([a, b]);
    const running = await startRun(history, { workflow: "a" });
    const done = await startRun(history, { workflow: "b" });
    await committed(
      history,
      advanceCommit(done.runId, done.fence, { ended: [stepEnd("first")], run: { status: "COMPLETED" } }),
    );
    const list = async (query: Parameters<typeof history.list>[0]) =>
      (await history.list(query)).items.map(({ runId }) => runId);
    expect(await list({ workflow: "a" })).toEqual([running.runId, a.run.runId]);
    expect(await list({ domain: "x" })).toEqual([b.run.runId, a.run.runId]);
    expect(await list({ status: ["COMPLETED", "PENDING"] })).toEqual([done.runId, b.run.runId, a.run.runId]);
    expect(await list({ status: ["RUNNING"], workflow: "b" })).toEqual([]);
    expect(await list({ status: [] })).toEqual([]);
    expect(await list({ partition: { week: "w", tier: "T1" } })).toEqual([a.run.runId]);
    expect(await list({ limit: 500 })).toHaveLength(4);
    await expect(history.list({ limit: 0 })).rejects.toMatchObject({ category: "VALIDATION" });
  });

  check("returns events after a number, up to a limit", async ({ stores: { history } }) => {
    const { runId } = await startRun(history);
    expect((await history.events(runId, { after: 1 })).map(({ seq }) => seq)).toEqual([2, 3]);
    expect((await history.events(runId, { after: 1, limit: 1 })).map(({ seq }) => seq)).toEqual([2]);
    expect(await history.events(runId, { after: 3 })).toEqual([]);
  });

  check("removes old runs that have ended, the oldest first, and no others", async ({ stores, clock }) => {
    const { history, partitions } = stores;
    const finish = async (status: "COMPLETED" | "FAILED") => {
      const { runId, fence } = await startRun(history);
      const attachments = [
        { kind: "partition", table: "t", partition: { p: runId }, loadId: "l", hash: "h", rows: 1 } as const,
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
    for (const runId of old) expect(await history.events(runId)).toEqual([]);
    expect((await history.get(active.runId))?.steps).toHaveLength(1);
    // What is in the tables is still known.
    expect(await partitions.list("t")).toHaveLength(4);
  });
}
