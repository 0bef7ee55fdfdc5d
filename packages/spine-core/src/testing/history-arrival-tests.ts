import { expect } from "vitest";
import type { HistoryStore } from "../history/history-store.ts";
import { advanceCommit, committed, createCommit, startRun, stepEnd } from "./history-samples.ts";
import type { Check } from "./suite.ts";

/** How long a commit is looked at that may have to wait for another one. */
const A_MOMENT_MS = 1_000;

/** Runs in the order in which they came, each once, whatever is held back. */
export function historyArrivalTests(check: Check): void {
  check(
    "tells the runs of a workflow that have come, in parts, each once",
    async ({ stores: { history } }) => {
      const open = createCommit();
      await committed(history, open);
      const { runId, fence } = await startRun(history, {});
      const run = { status: "COMPLETED" } as const;
      await committed(history, advanceCommit(runId, fence, { ended: [stepEnd("first")], run }));
      await committed(history, createCommit({ workflow: "other" }));
      // At first those that have not ended, and what comes behind all that there are.
      const first = await history.arrivals("demo", { limit: 10 });
      expect(first.runIds).toEqual([open.run.runId]);
      const look = lookFrom(history, first.place);
      expect(await look(10)).toEqual([]);
      const commits = Array.from({ length: 5 }, (_, index) =>
        createCommit(index === 2 ? { workflow: "other" } : {}),
      );
      for (const commit of commits) await committed(history, commit);
      const [a, b, , c, d] = commits.map((commit) => commit.run.runId);
      expect(await look(2)).toEqual([a, b]);
      expect(await look(2)).toEqual([c, d]);
      expect(await look(2)).toEqual([]);
      expect(await lookFrom(history, first.place)(10)).toEqual([a, b, c, d]);
      expect((await history.arrivals("other", { limit: 10 })).runIds).toHaveLength(2);
      // The newest, where there are more.
      expect((await history.arrivals("demo", { limit: 2 })).runIds).toEqual([c, d]);
      // What is stored at once has no order of its own, and stands in parts all the same.
      const together = Array.from({ length: 7 }, () => createCommit());
      await history.commit(together);
      const seen = [...(await look(3)), ...(await look(3)), ...(await look(3))];
      expect([...seen].sort()).toEqual(together.map((commit) => commit.run.runId).sort());
    },
  );

  check(
    "passes over no run that is held back in a transaction",
    async ({ database, stores: { history } }) => {
      const { place } = await history.arrivals("demo", { limit: 10 });
      const look = lookFrom(history, place);
      const held = createCommit();
      const written = Promise.withResolvers<void>();
      const gate = Promise.withResolvers<void>();
      const transaction = database.transaction(async (open) => {
        await history.createIn(open, [held]);
        written.resolve();
        await gate.promise;
      });
      await written.promise;
      const beside = createCommit();
      const later = committed(history, beside);
      // Where there is one writer only, it waits.
      const aMoment = () => new Promise((resolve) => setTimeout(resolve, A_MOMENT_MS));
      await Promise.race([later, aMoment()]);
      // So does who looks, where there is one connection only.
      const meanwhile = look(10);
      await Promise.race([meanwhile, aMoment()]);
      gate.resolve();
      await Promise.all([transaction, later]);
      const seen = [...(await meanwhile)];
      seen.push(...(await look(1)), ...(await look(1)), ...(await look(10)));
      expect([...seen].sort()).toEqual([held.run.runId, beside.run.runId].sort());
    },
  );

  check("goes on where the newest run of all was removed", async ({ stores: { history }, clock }) => {
    await committed(history, createCommit());
    const { runId, fence } = await startRun(history, {});
    const ended = [stepEnd("first")];
    await committed(history, advanceCommit(runId, fence, { ended, run: { status: "COMPLETED" } }));
    const { place } = await history.arrivals("demo", { limit: 10 });
    clock.advance(60_000);
    expect(await history.prune({ before: clock.now(), limit: 10 })).toEqual([runId]);
    const next = [createCommit(), createCommit()];
    for (const commit of next) await committed(history, commit);
    const look = lookFrom(history, place);
    expect(await look(1)).toEqual([next[0]?.run.runId]);
    expect(await look(10)).toEqual([next[1]?.run.runId]);
    expect(await look(10)).toEqual([]);
  });

  check("begins anew where the place is none", async ({ stores: { history } }) => {
    for (const range of [
      { limit: 0 },
      { limit: 1_001 },
      { limit: 1, after: "" },
      { limit: 1, after: "x" },
      { limit: 1, after: "1.x" },
      { limit: 1, after: `1.${createCommit().run.runId}` },
      { limit: 1, after: 7 as never },
    ])
      await expect(history.arrivals("demo", range), JSON.stringify(range)).rejects.toMatchObject({
        category: "VALIDATION",
      });
    const far = { limit: 1, after: `${"9".repeat(20)}.` };
    expect((await history.arrivals("demo", far)).runIds).toEqual([]);
  });
}

/** Goes on where the answer before has ended. */
function lookFrom(history: HistoryStore, place: string): (limit: number) => Promise<readonly string[]> {
  let after = place;
  return async (limit) => {
    const arrivals = await history.arrivals("demo", { after, limit });
    after = arrivals.place;
    return arrivals.runIds;
  };
}
