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
      expect(await lookUntil(look, 2, 4)).toEqual([a, b, c, d]);
      expect(await lookFrom(history, first.place)(10)).toEqual([a, b, c, d]);
      expect((await history.arrivals("other", { limit: 10 })).runIds).toHaveLength(2);
      // The newest, where there are more.
      expect((await history.arrivals("demo", { limit: 2 })).runIds).toEqual([c, d]);
      // What is stored at once has no order of its own, and stands in parts all the same.
      const together = Array.from({ length: 7 }, () => createCommit());
      await history.commit(together);
      const seen = await lookUntil(look, 3, 7);
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
      const early = await meanwhile;
      const seen = [...early, ...(await lookUntil(look, 1, 2 - early.length))];
      expect([...seen].sort()).toEqual([held.run.runId, beside.run.runId].sort());
    },
  );

  check("goes on where the newest run of all was removed", async ({ stores: { history }, clock }) => {
    const first = createCommit();
    await committed(history, first);
    // A store may go by the times in ids then, which have milliseconds.
    while (timeOf(createCommit()) === timeOf(first));
    const { runId, fence } = await startRun(history, {});
    const ended = [stepEnd("first")];
    await committed(history, advanceCommit(runId, fence, { ended, run: { status: "COMPLETED" } }));
    const { place } = await history.arrivals("demo", { limit: 10 });
    clock.advance(60_000);
    expect(await history.prune({ before: clock.now(), limit: 10 })).toEqual([runId]);
    const next = [createCommit(), createCommit()];
    for (const commit of next) await committed(history, commit);
    const seen = await lookUntil(lookFrom(history, place), 1, 2);
    expect(seen).toEqual(next.map(({ run }) => run.runId));
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

function timeOf({ run }: ReturnType<typeof createCommit>): string {
  return run.runId.slice(0, 13);
}

/**
 * What comes in parts of at most so many until there are so many, and nothing behind it. Other transactions of the server may hold
 * runs back, too, for as long as they are open.
 */
async function lookUntil(
  look: (limit: number) => Promise<readonly string[]>,
  limit: number,
  count: number,
): Promise<readonly string[]> {
  const seen: string[] = [];
  while (seen.length < count) {
    const part = await look(limit);
    expect(part.length).toBeLessThanOrEqual(limit);
    seen.push(...part);
    if (part.length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return [...seen, ...(await look(limit))];
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
