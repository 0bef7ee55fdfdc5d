import { expect } from "vitest";
import type { SealOptions } from "../data/dataset.ts";
import type { LoadAttachment, PartitionAttachment } from "../history/attachment.ts";
import type { Affecting, LineageStore } from "../history/lineage-store.ts";
import { newId } from "../ids.ts";
import { loadSample, partitionSample } from "./attachment-samples.ts";
import { advanceCommit, committed, startRun } from "./history-samples.ts";
import {
  type Check,
  type DatabaseHarness,
  databaseSuite,
  type SuiteOptions,
  type TestContext,
} from "./suite.ts";

const MONDAY = { week: "2025-01-06", tier: "T1" };
const TUESDAY = { week: "2025-01-07", tier: "T\"1'; --" };

/** The conformance suite of lineage stores: registers its tests with vitest. */
export function testLineageStore(name: string, harness: DatabaseHarness, options: SuiteOptions = {}): void {
  databaseSuite(`lineage store: ${name}`, harness, options, (check) => {
    originTests(check);
    affectedTests(check);
    currentTests(check);
  });
}

function originTests(check: Check): void {
  check("says where loads and datasets came from; of unknown ones, nothing", async (context) => {
    const { lineage } = context.stores;
    const scene = await sceneOf(context);
    const read = await scene.dataset("fetch", { source: "vendor", locator: "a b'.csv" }, ["x.csv", "ä.csv"]);
    const made = await scene.dataset("clean", { madeOf: read });
    await scene.load("l1", made, MONDAY);
    expect(await lineage.load("l1")).toEqual({
      loadId: "l1",
      runId: scene.runId,
      step: "load",
      table: "trades",
      partition: MONDAY,
      disposition: "replace-partition",
      dataset: made,
      inserted: 10,
      superseded: 0,
      loadedAt: "2026-01-05T09:00:00.000Z",
    });
    const nothing = { source: null, locator: null, madeOf: null, files: [] };
    const { runId } = scene;
    expect(await lineage.dataset(made)).toEqual({
      ...nothing,
      dataset: made,
      runId,
      step: "clean",
      rows: 1,
      madeOf: read,
    });
    expect(await lineage.dataset(read)).toEqual({
      dataset: read,
      runId,
      step: "fetch",
      rows: 2,
      source: "vendor",
      locator: "a b'.csv",
      madeOf: null,
      files: ["x.csv", "ä.csv"],
    });
    // A load that is of no partition.
    await scene.load("l2", made, null);
    expect(await lineage.load("l2")).toMatchObject({ loadId: "l2", partition: null });
    for (const unknown of ["none", "l1'; --", "", newId()]) {
      expect(await lineage.load(unknown)).toBeUndefined();
      expect(await lineage.dataset(unknown)).toBeUndefined();
    }
  });
}

function affectedTests(check: Check): void {
  check("leads from what changed to the loads that it has a part in, page by page", async (context) => {
    const { lineage } = context.stores;
    const scene = await sceneOf(context);
    const one = await scene.dataset("one", { source: "vendor", locator: "one.csv" });
    const two = await scene.dataset("two", { source: "vendor", locator: "two.csv" }, [
      "part.csv",
      "part.csv",
    ]);
    const other = await scene.dataset("other", { source: "other", locator: "part.csv" });
    // Made of one through three steps, and loaded at two of them.
    const first = await scene.dataset("first", { madeOf: one });
    const second = await scene.dataset("second", { madeOf: first });
    const third = await scene.dataset("third", { madeOf: second });
    await scene.load("l1", first, MONDAY);
    await scene.load("l2", third, TUESDAY);
    await scene.load("l3", two, MONDAY);
    await scene.load("l4", other, null);
    await scene.load("l5", third, TUESDAY, "append");
    const ids = async (what: Affecting) => (await all(lineage, what)).map(({ loadId }) => loadId);

    expect(await ids({ file: "one.csv" })).toEqual(["l1", "l2", "l5"]);
    expect(await ids({ file: "part.csv" })).toEqual(["l3", "l4"]);
    expect(await ids({ source: "vendor" })).toEqual(["l1", "l2", "l3", "l5"]);
    expect(await ids({ dataset: second })).toEqual(["l2", "l5"]);
    expect(await ids({ dataset: third })).toEqual(["l2", "l5"]);
    expect(await ids({ table: "trades", partition: MONDAY })).toEqual(["l1", "l3"]);
    // The order of a partition's members does not matter.
    const { week, tier } = TUESDAY;
    expect(await ids({ table: "trades", partition: { tier, week } })).toEqual(["l2", "l5"]);
    for (const nothing of [
      { file: "none" },
      { file: "%" },
      { source: "vendor'" },
      { dataset: "none" },
      { dataset: newId() },
      { table: "none", partition: MONDAY },
      { table: "trades", partition: {} },
    ])
      expect(await ids(nothing)).toEqual([]);

    // Which of them have rows still: what replaced a partition is all that is in it, and what was added has a part beside the others.
    const current = async (what: Affecting) =>
      (await all(lineage, what)).filter((load) => load.current).map(({ loadId }) => loadId);
    expect(await current({ table: "trades", partition: MONDAY })).toEqual(["l3"]);
    expect(await current({ table: "trades", partition: TUESDAY })).toEqual(["l2", "l5"]);
    expect(await current({ file: "one.csv" })).toEqual(["l2", "l5"]);
    expect(await lineage.affectedBy({ source: "vendor" }, { limit: 2, after: "l1" })).toMatchObject([
      { loadId: "l2" },
      { loadId: "l3" },
    ]);
  });
}

function currentTests(check: Check): void {
  check(
    "knows what was replaced, by a load of the partition or of all, and whatever came after it",
    async (context) => {
      const { lineage } = context.stores;
      const scene = await sceneOf(context);
      const made = await scene.dataset("made", { source: "vendor" });
      const current = async () =>
        (await all(lineage, { source: "vendor" })).filter((load) => load.current).map(({ loadId }) => loadId);
      await scene.load("l1", made, MONDAY);
      await scene.load("l2", made, TUESDAY, "append");
      // What came after it has a part in the partition beside the one that replaced it.
      await scene.load("l3", made, MONDAY);
      await scene.load("l4", made, MONDAY, "append");
      expect(await current()).toEqual(["l2", "l3", "l4"]);
      // The id of a load into another database begins with the time of its run, which may have begun before the others.
      context.clock.advance(1_000);
      await scene.load("l0", made, MONDAY);
      expect(await current()).toEqual(["l0", "l2"]);
      context.clock.advance(1_000);
      await scene.load("k0", made, null, "replace");
      expect(await current()).toEqual(["k0"]);
      context.clock.advance(1_000);
      await scene.load("l6", made, MONDAY, "append");
      await scene.load("k1", made, null, "append");
      expect(await current()).toEqual(["k0", "k1", "l6"]);
    },
  );
}

/** A run with datasets and loads. */
async function sceneOf({ stores: { history, datasets } }: TestContext) {
  const { runId, fence } = await startRun(history);
  return {
    runId,
    /** One row for each file, or one without a file. */
    async dataset(step: string, options: SealOptions, files: readonly (string | null)[] = [null]) {
      const writer = { runId, step, token: 1 };
      const { dataset } = await datasets.open(writer);
      for (const [index, file] of files.entries()) {
        const chunk = { index, rows: [{ n: index }], lines: null, file, rejects: [], cursor: index };
        await datasets.append(writer, dataset, chunk);
      }
      await datasets.seal(writer, dataset, options);
      return dataset;
    },
    async load(
      loadId: string,
      dataset: string,
      partition: LoadAttachment["partition"],
      disposition: LoadAttachment["disposition"] = "replace-partition",
    ) {
      const of: PartitionAttachment[] = partition ? [{ ...partitionSample(loadId), partition }] : [];
      const load = { ...loadSample(loadId), dataset, partition, disposition };
      await committed(history, advanceCommit(runId, fence, { attachments: [load, ...of] }));
    },
  };
}

/** All of them, two at a time. */
async function all(lineage: LineageStore, what: Affecting) {
  const found = [];
  for (let after: string | null = null; ; ) {
    const page: Awaited<ReturnType<LineageStore["affectedBy"]>> = await lineage.affectedBy(what, {
      limit: 2,
      after,
    });
    found.push(...page);
    if (page.length < 2) return found;
    after = page.at(-1)?.loadId ?? null;
  }
}
