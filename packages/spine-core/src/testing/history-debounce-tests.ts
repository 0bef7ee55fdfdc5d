import { expect } from "vitest";
import type { CreateCommit, NewRun } from "../history/history-store.ts";
import {
  ACTIVE,
  committed,
  controlCommit,
  createCommit,
  eventsOf,
  expectNoGaps,
  outcome,
  runOf,
} from "./history-samples.ts";
import { claim } from "./queue-samples.ts";
import type { Check } from "./suite.ts";

function debounced(
  changes: Partial<NewRun> & { readonly latest?: number | null; readonly debounceKey?: string },
): CreateCommit {
  const { latest = null, debounceKey: key = "d", ...run } = changes;
  return createCommit({ debounce: { key, latest }, ...run });
}

/** Starts of which only the last one counts. */
export function historyDebounceTests(check: Check): void {
  check(
    "a start changes the run that waits instead of making another",
    async ({ stores: { history }, clock }) => {
      const first = debounced({ availableAt: clock.now() + 1_000, tags: ["t"], priority: 5 });
      const { runId } = first.run;
      expect(await committed(history, first)).toBe(1);
      const before = await runOf(history, runId);
      clock.advance(500);
      const availableAt = clock.now() + 1_000;
      const second = debounced({ availableAt, params: '{"n":2}', paramsHash: "h2", tags: ["u"] });
      expect(await history.commit([second])).toEqual([{ result: "debounced", runId }]);
      // What it was given besides stays, and so does the time of its creation.
      expect(await runOf(history, runId)).toEqual({
        ...before,
        params: { n: 2 },
        paramsHash: "h2",
        availableAt: new Date(availableAt).toISOString(),
        version: 2,
      });
      expect(await history.get(second.run.runId)).toBeUndefined();
      expect(await eventsOf(history, runId)).toEqual(["1 run.created", "2 run.updated"]);
      clock.advance(500);
      expect(await claim(history)).toMatchObject({ ids: [], nextAt: availableAt });
      clock.advance(500);
      expect(await claim(history)).toMatchObject({ runs: [{ run: { runId, params: { n: 2 } } }] });
      expect(await eventsOf(history, runId, 2)).toEqual(["3 run.started"]);
    },
  );

  check("a run is put off up to a time after its creation", async ({ stores: { history }, clock }) => {
    const start = clock.now();
    const push = () => debounced({ availableAt: clock.now() + 1_000, latest: 1_500 });
    const first = push();
    await committed(history, first);
    for (const [passed, due] of [
      [400, 1_400],
      [800, 1_500],
      [1_400, 1_500],
    ] as const) {
      clock.advance(start + passed - clock.now());
      expect((await history.commit([push()])).map(outcome)).toEqual(["debounced"]);
      expect(await runOf(history, first.run.runId)).toMatchObject({
        availableAt: new Date(start + due).toISOString(),
      });
    }
    // At once is a time as well.
    await history.commit([debounced({ availableAt: null, latest: 1_500 })]);
    expect((await claim(history)).ids).toEqual([first.run.runId]);
  });

  check("makes another run once the first has left the queue", async ({ stores: { history } }) => {
    const runs = [debounced({}), debounced({}), debounced({}), debounced({})];
    const [first, second, third, fourth] = runs.map(({ run }) => run.runId) as [
      string,
      string,
      string,
      string,
    ];
    const push = async (index: number) => (await history.commit(runs.slice(index, index + 1))).map(outcome);
    expect(await push(0)).toEqual(["committed"]);
    expect((await claim(history)).ids).toEqual([first]);
    expect(await push(1)).toEqual(["committed"]);
    // Back in the queue: what was begun is not changed any more.
    await history.beat("w", "gone");
    expect(await runOf(history, first)).toMatchObject({ status: "PENDING" });
    expect(await history.commit([debounced({})])).toEqual([{ result: "debounced", runId: second }]);
    await committed(history, controlCommit(second, ACTIVE, { status: "PAUSED" }));
    expect(await push(2)).toEqual(["committed"]);
    await committed(history, controlCommit(second, ["PAUSED"], { status: "PENDING" }));
    expect(await history.commit([debounced({})])).toEqual([{ result: "debounced", runId: third }]);
    await committed(history, controlCommit(third, ACTIVE, { status: "CANCELLED" }));
    expect(await push(3)).toEqual(["committed"]);
    await committed(history, controlCommit(third, ["CANCELLED"], { status: "PENDING" }));
    expect(await history.commit([debounced({})])).toEqual([{ result: "debounced", runId: fourth }]);
    for (const id of [first, second, third, fourth]) await expectNoGaps(history, id);
    expect([...(await claim(history, "other")).ids].sort()).toEqual([first, second, third, fourth].sort());
  });

  check("keeps keys of workflows and scopes apart", async ({ stores: { history } }) => {
    const starts = [
      debounced({}),
      debounced({ workflow: "other" }),
      debounced({ scope: "tenant" }),
      debounced({ debounceKey: "e" }),
      // Those of another kind of key as well.
      createCommit({ key: "d" }),
      createCommit({}),
    ];
    expect((await history.commit(starts)).map(outcome)).toEqual(starts.map(() => "committed"));
    expect(await history.commit([debounced({ scope: "tenant" })])).toEqual([
      { result: "debounced", runId: starts[2]?.run.runId },
    ]);
  });

  check("makes one run when many start at the same time", async ({ stores: { history } }) => {
    const results = await Promise.all(
      Array.from({ length: 20 }, (_, n) => history.commit([debounced({ params: `{"n":${n}}` })])),
    );
    const outcomes = results.flat().map(outcome);
    expect(outcomes.filter((each) => each === "committed")).toHaveLength(1);
    expect(outcomes.filter((each) => each === "debounced")).toHaveLength(19);
    const { items } = await history.list({});
    expect(items).toHaveLength(1);
    expect(items[0]?.version).toBe(20);
    await expectNoGaps(history, items[0]?.runId ?? "");
    // And in one call.
    const more = await history.commit(Array.from({ length: 5 }, () => debounced({ debounceKey: "e" })));
    expect(more.map(outcome)).toEqual(["committed", ...Array.from({ length: 4 }, () => "debounced")]);
  });

  check("counts in a transaction of the host's as well", async ({ stores: { history }, database, clock }) => {
    const first = debounced({ availableAt: clock.now() + 1_000 });
    const { runId } = first.run;
    const later = debounced({ availableAt: clock.now() + 5_000, latest: 3_000, params: '{"n":2}' });
    const results = await database.transaction((transaction) =>
      history.createIn(transaction, [first, later]),
    );
    expect(results).toEqual([
      { result: "committed", version: 1 },
      { result: "debounced", runId },
    ]);
    expect(await runOf(history, runId)).toMatchObject({
      version: 2,
      params: { n: 2 },
      availableAt: new Date(clock.now() + 3_000).toISOString(),
    });
    expect(await eventsOf(history, runId)).toEqual(["1 run.created", "2 run.updated"]);
  });
}
