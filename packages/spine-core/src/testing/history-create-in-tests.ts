import { expect } from "vitest";
import { committed, createCommit } from "./history-samples.ts";
import type { Check } from "./suite.ts";

/** Runs that are stored in transactions of the host's own. Which connections a store knows is tested beside it. */
export function historyCreateInTests(check: Check): void {
  check(
    "a run that is created in a transaction exists once that is committed",
    async ({ database, stores }) => {
      const { history } = stores;
      const commit = createCommit({ key: "k", tags: ["t"], partition: { p: "1" }, domain: "d", scope: "s" });
      const { runId } = commit.run;
      const results = await database.transaction(async (transaction) => {
        return await history.createIn(transaction, [commit, createCommit()]);
      });
      expect(results.map(({ result }) => result)).toEqual(["committed", "committed"]);
      // It is stored as any other that is queued.
      const plain = createCommit({ key: "k2", tags: ["t"], partition: { p: "1" }, domain: "d", scope: "s" });
      await committed(history, plain);
      const [made, usual] = [await history.get(runId), await history.get(plain.run.runId)];
      expect(made?.run).toEqual({ ...usual?.run, runId, key: "k" });
      expect(results[0]).toEqual({ result: "committed", version: made?.run.version });
      expect((await history.events(runId)).map(({ type }) => type)).toEqual(["run.created"]);
      const { runs } = await history.claim({ worker: "w", workflows: ["demo"], limit: 10 });
      expect(runs).toHaveLength(3);
    },
  );

  check("one in a transaction that is undone does not", async ({ database, stores: { history } }) => {
    const commit = createCommit({ key: "k" });
    const work = database.transaction(async (transaction) => {
      await history.createIn(transaction, [commit]);
      throw new RangeError("mine");
    });
    await expect(work).rejects.toThrow(new RangeError("mine"));
    expect(await history.glance([commit.run.runId])).toEqual([]);
    await committed(history, createCommit({ key: "k" }));
  });

  check(
    "a key that is taken is answered, and what else is in the call is stored",
    async ({ database, stores }) => {
      const { history } = stores;
      const first = createCommit({ key: "k", paramsHash: "of the first" });
      await committed(history, first);
      const other = createCommit({ key: "k", scope: "another" });
      const results = await database.transaction((transaction) =>
        history.createIn(transaction, [
          createCommit({ key: "k" }),
          other,
          createCommit({ key: "k", scope: "another" }),
        ]),
      );
      expect(results).toEqual([
        { result: "duplicate", runId: first.run.runId, paramsHash: "of the first" },
        { result: "committed", version: 1 },
        { result: "duplicate", runId: other.run.runId, paramsHash: other.run.paramsHash },
      ]);
    },
  );

  check("what is no connection is refused", async ({ stores: { history } }) => {
    for (const wrong of [undefined, null, {}, "BEGIN"]) {
      await expect(history.createIn(wrong, [createCommit()])).rejects.toMatchObject({
        code: "TRANSACTION_INVALID",
      });
    }
  });
}
