import { expect } from "vitest";
import { type Partition, partitionKey } from "../context.ts";
import { loadSample, partitionSample } from "./attachment-samples.ts";
import { advanceCommit, committed, startRun } from "./history-samples.ts";
import { type Check, type DatabaseHarness, databaseSuite, type SuiteOptions } from "./suite.ts";

const on = (week: string): Partition => ({ week, tier: "T/1" });
const [ONE, TWO, NONE] = [on("1"), on("2"), on("'; --")];

/** The conformance suite of partition stores: registers its tests with vitest. */
export function testPartitionStore(name: string, harness: DatabaseHarness, options: SuiteOptions = {}): void {
  databaseSuite(`partition store: ${name}`, harness, options, (check) => {
    stateTests(check);
    changeTests(check);
  });
}

function stateTests(check: Check): void {
  check(
    "says what is loaded and which run is the newest, in the order that was asked for",
    async ({ stores }) => {
      const { history, partitions } = stores;
      const states = async (
        asked: readonly Partition[],
        workflow: string | null = "demo",
        table = "trades",
      ) => await partitions.states({ table, workflow, keys: asked.map(partitionKey) });
      const nothing = { loaded: null, newest: null };
      expect(await states([])).toEqual([]);
      expect(await states([ONE, NONE])).toEqual([nothing, nothing]);

      const first = await startRun(history, { partition: ONE });
      const loaded = { ...partitionSample("l1"), partition: ONE };
      const load = { ...loadSample("l1"), partition: ONE };
      const end = { status: "COMPLETED" } as const;
      await committed(
        history,
        advanceCommit(first.runId, first.fence, { attachments: [load, loaded], run: end }),
      );
      // Another workflow's are not its own, nor are those of no partition.
      await startRun(history, { partition: ONE, workflow: "other" });
      await startRun(history);
      const later = await startRun(history, { partition: TWO });
      const newest = await startRun(history, { partition: TWO });
      const state = {
        loaded: {
          table: "trades",
          partition: ONE,
          runId: first.runId,
          loadId: "l1",
          hash: "hash-l1",
          rows: 10,
          loadedAt: "2026-01-05T09:00:00.000Z",
        },
        newest: { runId: first.runId, status: "COMPLETED" },
      };
      const running = { loaded: null, newest: { runId: newest.runId, status: "RUNNING" } };
      expect(later.runId < newest.runId).toBe(true);
      expect(await states([TWO, NONE, ONE])).toEqual([running, nothing, state]);
      expect(await states([ONE, TWO], null)).toEqual([{ ...state, newest: null }, nothing]);
      expect(await states([ONE], "other", "other")).toMatchObject([
        { loaded: null, newest: { status: "RUNNING" } },
      ]);
      // At most so many are asked for at a time.
      const many = Array.from({ length: 998 }, (_, n) => on(`many ${n}`));
      const found = await states([ONE, ...many, TWO]);
      expect(found).toHaveLength(1_000);
      expect([found[0], found[500], found[999]]).toEqual([state, nothing, running]);
    },
  );
}

function changeTests(check: Check): void {
  check("forgets what it knew of a table's content, or all of it, with the transaction", async (context) => {
    const { database, stores } = context;
    const { history, partitions } = stores;
    const { runId, fence } = await startRun(history);
    for (const [table, partition] of [
      ["trades", ONE],
      ["trades", TWO],
      ["other", ONE],
    ] as const) {
      const attachments = [{ ...partitionSample("l1"), table, partition }];
      await committed(history, advanceCommit(runId, fence, { attachments }));
    }
    const known = async (table: string) =>
      (await partitions.list(table)).map(({ partition, hash, rows }) => [partition.week, hash, rows]);
    const work = database.transaction(async (transaction) => {
      await partitions.changed("trades", { transaction });
      await partitions.changed("other", { transaction, gone: true });
      throw new RangeError("mine");
    });
    await expect(work).rejects.toThrow("mine");
    expect(await known("trades")).toEqual([
      ["1", "hash-l1", 10],
      ["2", "hash-l1", 10],
    ]);
    await database.transaction(async (transaction) => {
      await partitions.changed("trades", { transaction });
      await partitions.changed("no_such_table", { transaction, gone: true });
      expect(await partitions.get("trades", ONE, { transaction })).toMatchObject({ hash: "" });
    });
    expect(await known("trades")).toEqual([
      ["1", "", 10],
      ["2", "", 10],
    ]);
    await database.transaction((transaction) => partitions.changed("trades", { transaction, gone: true }));
    expect([await known("trades"), await known("other")]).toEqual([[], [["1", "hash-l1", 10]]]);
    expect(await partitions.get("trades", ONE)).toBeUndefined();
  });
}
