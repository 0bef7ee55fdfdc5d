// What loads leave in their targets, by disposition, and what is known of partitions afterwards.

import { defineTable, defineWorkflow, type Row } from "spine-core";
import { arraySource } from "spine-core/testing";
import { beforeAll, describe, expect, test } from "vitest";
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
