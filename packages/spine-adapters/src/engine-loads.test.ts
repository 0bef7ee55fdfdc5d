// What loads leave in their targets, by disposition, and what is known of partitions afterwards.

import { defineTable, defineWorkflow, type Row } from "spine-core";
import { arraySource } from "spine-core/testing";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { PLACES, type SharedPlace } from "./testing/places.ts";
import { startAt } from "./testing/start-spine.ts";

interface Price {
  readonly day: string;
  readonly symbol: string;
  readonly price: string;
}

const columns = { day: "date", symbol: "text", price: "decimal" } as const;
const table = (name: string) =>
  defineTable({
    name,
    columns,
    key: ["day", "symbol"],
    partition: ["day"],
    captures: `${name}_captures`,
  });
const params = z.object({
  day: z.string(),
  rows: z.array(z.object({ symbol: z.string(), price: z.string() })),
});
const given = (name: string) =>
  defineWorkflow({ name: `demo.${name}`, params, partition: ({ params: { day } }) => ({ day }) })
    .step("rows", ({ params: { day, rows } }) => rows.map((row) => ({ day, ...row })))
    .fetch("fetch", {
      from: { name: "given", stream: (rows: readonly Price[]) => arraySource(rows).stream({}) },
      request: ({ outputs }) => outputs.rows,
    });

const all = table("load_all");
const part = table("load_part");
const merged = table("load_merged");
const dims = table("load_dims");
const replaceAll = given("replace").load("load", { from: "fetch", into: all, disposition: "replace" });
const partOfAll = given("part_of_all").load("load", {
  from: "fetch",
  into: all,
  disposition: "replace-partition",
});
const replacePart = given("part").load("load", {
  from: "fetch",
  into: part,
  disposition: "replace-partition",
});
const appendPart = given("append").load("load", { from: "fetch", into: part, disposition: "append" });
const mergeAll = given("merge").load("load", {
  from: "fetch",
  into: merged,
  disposition: "merge",
  strategy: "upsert",
  partition: ({ params: { day } }) => ({ day }),
});
const scd2 = given("scd2").load("load", {
  from: "fetch",
  into: dims,
  disposition: "scd2",
  partition: ({ params: { day } }) => ({ day }),
});

describe.each(PLACES)("%s", (_name, open) => {
  let place: SharedPlace;
  beforeAll(async () => {
    place = await open();
    return () => place.remove();
  });
  const start = async () => {
    const spine = await startAt(place, [replaceAll, partOfAll, replacePart, appendPart, mergeAll, scd2]);
    const rowsOf = async (name: string) => {
      const rows = await spine.database.kysely.selectFrom(name).selectAll().orderBy("symbol").execute();
      return rows.map((row: Row) => `${String(row.symbol)} ${String(row.price)}`);
    };
    return { spine, rowsOf };
  };
  const on = (day: string, prices: string) => ({
    day,
    rows: prices.split(" ").map((pair) => {
      const [symbol = "", price = ""] = pair.split("=");
      return { symbol, price };
    }),
  });

  test("replace takes the place of all that was there, and of what was known of partitions", async () => {
    const { spine, rowsOf } = await start();
    await (await spine.run(partOfAll, on("2026-01-05", "A=1 B=2"))).result();
    expect(await spine.partitions.list(all.name)).toHaveLength(1);
    const { outputs } = await (await spine.run(replaceAll, on("2026-01-06", "B=3"))).result();
    expect(outputs.load).toMatchObject({ inserted: 1, superseded: 2, unchanged: false });
    expect(await rowsOf(all.name)).toEqual(["B 3"]);
    expect(await rowsOf("load_all_captures")).toEqual(["A 1", "B 2"]);
    expect(await spine.partitions.list(all.name)).toEqual([]);
  });

  test("what is added beside a partition's load makes its content unknown, and the same load is done again", async () => {
    const { spine, rowsOf } = await start();
    const monday = on("2026-01-05", "A=1");
    await (await spine.run(replacePart, monday)).result();
    const again = await (await spine.run(replacePart, monday)).result();
    expect(again.outputs.load.unchanged).toBe(true);
    await (await spine.run(appendPart, on("2026-01-05", "B=2"))).result();
    const after = await (await spine.run(replacePart, monday)).result();
    expect(after.outputs.load).toMatchObject({ inserted: 1, superseded: 2, unchanged: false });
    expect(await rowsOf(part.name)).toEqual(["A 1"]);
  });

  test("a merge changes rows by their keys; its partition's content is both", async () => {
    const { spine, rowsOf } = await start();
    const monday = { day: "2026-01-05" };
    await (await spine.run(mergeAll, on(monday.day, "A=1 B=2"))).result();
    const first = await spine.partitions.get(merged.name, monday);
    const { outputs } = await (await spine.run(mergeAll, on(monday.day, "B=3 C=4"))).result();
    expect(outputs.load).toMatchObject({ inserted: 2, superseded: 1, kept: 0 });
    expect(await rowsOf(merged.name)).toEqual(["A 1", "B 3", "C 4"]);
    expect(await rowsOf("load_merged_captures")).toEqual(["B 2"]);
    const second = await spine.partitions.get(merged.name, monday);
    expect(second).toMatchObject({ rows: 3, loadId: outputs.load.loadId });
    expect(second?.hash).not.toBe(first?.hash);
    const again = await (await spine.run(mergeAll, on(monday.day, "B=3 C=4"))).result();
    expect(again.outputs.load.unchanged, "its content is not that of the last load").toBe(false);
  });

  test("changing dimensions keep what is the same, and close what is gone, in their partition", async () => {
    const { spine, rowsOf } = await start();
    await (await spine.run(scd2, on("2026-01-05", "A=1 B=2"))).result();
    await (await spine.run(scd2, on("2026-01-06", "Z=9"))).result();
    const { outputs } = await (await spine.run(scd2, on("2026-01-05", "A=1 C=3"))).result();
    expect(outputs.load).toMatchObject({ inserted: 1, superseded: 1, kept: 1 });
    expect(await rowsOf(dims.name)).toEqual(["A 1", "C 3", "Z 9"]);
    expect(await spine.partitions.get(dims.name, { day: "2026-01-05" })).toMatchObject({ rows: 2 });
    const same = await (await spine.run(scd2, on("2026-01-05", "A=1 C=3"))).result();
    expect(same.outputs.load.unchanged).toBe(true);
  });
});

describe.each(PLACES)("columns that rows bring along, %s", (_name, open) => {
  const Given = z.object({ id: z.number() });
  const flowOf = (name: string, how: object) =>
    defineWorkflow({
      name: `demo.grown_${name}`,
      params: z.object({ rows: z.array(z.record(z.string(), z.unknown())) }),
    })
      .fetch("fetch", {
        from: { name: "given", stream: (rows: readonly Row[]) => arraySource(rows).stream({}) },
        request: ({ params: { rows } }) => rows,
      })
      .transform("clean", {
        from: "fetch",
        row: (row) => row as never,
        schema: Given,
        contract: { columns: "evolve" },
      })
      .load("load", {
        from: "clean",
        into: defineTable({
          name: "grown",
          columns: { id: "integer" },
          key: ["id"],
          captures: "grown_captures",
        }),
        disposition: "merge",
        ...how,
      });
  const add = flowOf("add", { newColumns: "add" });
  const ignore = flowOf("ignore", {});

  test("become columns where a load says so, and are left out where it does not", async () => {
    const place = await open();
    onTestFinished(() => place.remove());
    const spine = await startAt(place, [add, ignore]);
    const load = async (flow: typeof add, rows: readonly Row[]) => {
      const run = await spine.run(flow, { rows: [...rows] });
      return (await run.result()).outputs.load;
    };
    const table = async () => {
      const rows = await spine.database.kysely.selectFrom("grown").selectAll().orderBy("id").execute();
      return rows.map((row: Row) => {
        const { _spine_load_id, _spine_loaded_at, ...own } = row;
        return own;
      });
    };
    expect(await load(ignore, [{ id: 1, venue: "X" }])).not.toHaveProperty("newColumns");
    expect(await table()).toEqual([{ id: 1 }]);
    expect(await load(add, [{ id: 2, venue: "'); DROP TABLE grown; --" }])).toMatchObject({
      inserted: 1,
      newColumns: ["venue"],
    });
    expect(await load(add, [{ id: 1, venue: "Y", size: 1.5 }, { id: 3 }])).toMatchObject({
      inserted: 2,
      superseded: 1,
      newColumns: ["venue", "size"],
    });
    const rows = await table();
    expect(rows.map(({ venue, size }) => [venue, size === null ? null : Number(size)])).toEqual([
      ["Y", 1.5],
      ["'); DROP TABLE grown; --", null],
      [null, null],
    ]);
    // One that knows nothing of them loads as before.
    expect(await load(ignore, [{ id: 4, venue: "Z" }])).toMatchObject({ inserted: 1 });
    expect((await table()).at(-1)).toMatchObject({ id: 4, venue: null });
  });

  test("are refused where they cannot name a column, or hold what the column does not", async () => {
    const place = await open();
    onTestFinished(() => place.remove());
    const spine = await startAt(place, [add]);
    const load = async (row: Row) => await (await spine.run(add, { rows: [row] })).result();
    await expect(load({ id: 1, 'x" text); DROP TABLE grown; --': "1" })).rejects.toMatchObject({
      code: "LOAD_FAILED",
      message: expect.stringContaining("cannot name one"),
    });
    await load({ id: 1, venue: "X" });
    await expect(load({ id: 2, venue: 7 })).rejects.toMatchObject({
      code: "LOAD_FAILED",
      message: expect.stringContaining('"venue"'),
    });
    expect(await spine.database.kysely.selectFrom("grown").selectAll().execute()).toHaveLength(1);
  });
});
