// What is known of partitions: those that are expected against those that are loaded, with what runs bring about.

import {
  createSpine,
  daily,
  definePartitions,
  defineTable,
  defineWorkflow,
  type PartitionCell,
  type Spine,
  silentLogger,
} from "spine-core";
import { arraySource } from "spine-core/testing";
import { beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { PLACES } from "./testing/places.ts";

const sales = defineTable({
  name: "sales",
  columns: { day: "text", shop: "text", amount: "integer" },
  key: ["day", "shop"],
  partition: ["day", "shop"],
});
const FAR = "2999-01-01";
const load = defineWorkflow({
  name: "demo.sales",
  params: z.object({
    day: z.string(),
    shop: z.string(),
    amount: z.number(),
    wait: z.boolean().default(false),
  }),
  partition: ({ params: { day, shop } }) => ({ day, shop }),
})
  .step("row", ({ params: { day, shop, amount } }) => {
    if (amount < 0) throw new Error("no such amount");
    return [{ day, shop, amount }];
  })
  .when(
    "waits",
    ({ params }) => params.wait,
    (block) => block.wait("for", { signal: "go" }),
  )
  .fetch("fetch", {
    from: {
      name: "given",
      stream: (rows: readonly { day: string; shop: string; amount: number }[]) =>
        arraySource(rows).stream({}),
    },
    request: ({ outputs }) => outputs.row,
  })
  .load("load", { from: "fetch", into: sales, disposition: "replace-partition" });
/** The same partitions, and not those of `load`. */
const other = defineWorkflow({
  name: "demo.other",
  params: z.object({ day: z.string(), shop: z.string() }),
  partition: ({ params: { day, shop } }) => ({ day, shop }),
}).step("fails", () => {
  throw new Error("as it should");
});

const days = definePartitions({
  table: sales,
  workflow: load,
  dimensions: { shop: ["a", "b"], day: daily({ from: "2026-01-05", to: "2026-01-08" }) },
});
const shown = (cells: readonly PartitionCell[]) =>
  cells.map(({ partition: { day = "", shop = "" }, state }) => `${day.slice(-1)}${shop} ${state}`);

describe.each(PLACES)("%s", (_name, open) => {
  let spine: Spine;
  const runOf = async (day: string, shop: string, amount: number, wait = false) => {
    const run = await spine.run(load, { day: `2026-01-0${day}`, shop, amount, wait });
    if (!wait) await run.result().catch(() => {});
    return run.id;
  };
  beforeAll(async () => {
    const place = await open();
    spine = await createSpine({
      database: place.database(),
      workflows: [load, other],
      logger: silentLogger,
    });
    return async () => {
      await spine.stop();
      place.remove();
    };
  });

  test("each partition says what became of it, and the doctor what to do", async () => {
    const loaded = await runOf("5", "a", 1);
    const failed = await runOf("5", "b", -1);
    const mended = await runOf("6", "a", -1).then(() => runOf("6", "a", 2));
    const again = await runOf("6", "b", 3).then(() => runOf("6", "b", -1));
    const waiting = await runOf("7", "a", 4, true);
    await (await spine.run(other, { day: "2026-01-05", shop: "a" })).result().catch(() => {});

    const { cells, next } = await spine.partitions.window(days, { limit: 8 });
    expect(shown(cells)).toEqual([
      "5a READY",
      "5b FAILED",
      "6a READY",
      "6b FAILED",
      "7a RUNNING",
      "7b MISSING",
      "8a MISSING",
      "8b MISSING",
    ]);
    expect(next).toBeNull();
    expect(cells.map(({ runId }) => runId).slice(0, 5)).toEqual([loaded, failed, mended, again, waiting]);
    const known = await spine.partitions.get("sales", { day: "2026-01-06", shop: "b" });
    expect(cells[3]).toMatchObject({ rows: 1, loadId: known?.loadId, loadedAt: known?.loadedAt });
    expect(cells[1]).toMatchObject({ rows: null, loadId: null, loadedAt: null });

    const report = await spine.partitions.doctor(days, { to: "2026-01-07" });
    expect(report).toMatchObject({ expected: 6, due: 6, loaded: 3, running: 1, stale: [], early: [] });
    expect(shown(report.failed)).toEqual(["5b FAILED", "6b FAILED"]);
    expect(report.failed[0]?.toDo).toContain(failed);
    expect(shown(report.missing)).toEqual(["7b MISSING"]);
    expect(report.missing[0]?.toDo).toContain('"demo.sales"');
    await spine.cancel(waiting);
    expect(shown((await spine.partitions.window(days, { from: "2026-01-07", limit: 1 })).cells)).toEqual([
      "7a MISSING",
    ]);
  });

  test("what is not due is not missing; what was loaded too early is stale once it is due", async () => {
    await runOf("8", "a", 5);
    const set = definePartitions({
      table: "sales",
      workflow: "demo.sales",
      dimensions: { day: daily({ from: "2026-01-08", to: "2026-01-08" }), shop: ["a", "b"] },
      delay: ({ day = "" }) => Date.parse(FAR) - Date.parse(day),
    });
    expect(shown((await spine.partitions.window(set, {})).cells)).toEqual(["8a READY", "8b NOT_DUE"]);
    const now = await spine.partitions.doctor(set);
    expect(now).toMatchObject({ expected: 2, due: 0, loaded: 1, missing: [], stale: [] });
    expect(shown(now.early)).toEqual(["8a READY"]);
    const then = await spine.partitions.doctor(set, { now: "2999-06-01T00:00:00Z" });
    expect(then).toMatchObject({ due: 2, early: [] });
    expect(shown(then.stale)).toEqual(["8a READY"]);
    expect(shown(then.missing)).toEqual(["8b MISSING"]);
  });

  test("a partition of which nobody knows any more what it holds is stale", async () => {
    await runOf("8", "a", 6);
    const { database, partitions } = spine;
    await database.transaction((transaction) => partitions.changed("sales", { transaction }));
    const { stale } = await partitions.doctor(days, { from: "2026-01-08" });
    expect(shown(stale)).toEqual(["8a READY"]);
    expect(stale[0]?.toDo).toContain("names no partition");
  });

  test("windows follow each other without a gap, whatever is between them, and refuse another's place", async () => {
    const all = spine.partitions.expected(days, { from: "2026-01-05" });
    expect(all).toHaveLength(8);
    const seen: string[] = [];
    for (let after: string | undefined; ; ) {
      const page = await spine.partitions.window(days, {
        limit: 3,
        ...(after === undefined ? {} : { after }),
      });
      seen.push(...page.cells.map(({ key }) => key));
      if (page.next === null) break;
      after = page.next;
    }
    expect(seen).toEqual(all.map(({ key }) => key));
    await expect(spine.partitions.window(days, { after: "x" })).rejects.toMatchObject({
      code: "VALIDATION_FAILED",
    });
    await expect(spine.partitions.window(days, { limit: 2_000 })).rejects.toThrow("from 1 to 1,000");
  });
});
