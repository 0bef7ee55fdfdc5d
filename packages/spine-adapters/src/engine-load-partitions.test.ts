// What is recorded of a partition is what it holds: a load that finds its content recorded leaves the table as it is, so a record
// that is not true would leave rows away for good.

import {
  createSpine,
  defineTable,
  defineWorkflow,
  type Partition,
  type Row,
  type Spine,
  silentLogger,
} from "spine-core";
import { arraySource } from "spine-core/testing";
import { beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { PLACES, type SharedPlace } from "./testing/places.ts";

const params = z.object({
  rows: z.array(z.record(z.string(), z.unknown())),
  part: z.record(z.string(), z.string()).nullable().default(null),
});
// Null where the load is to be about no partition.
const part = ({ params: { part: of } }: { readonly params: { readonly part: object | null } }) =>
  of as Partition;
const source = { name: "given", stream: (rows: readonly Row[]) => arraySource(rows).stream({}) };
const given = (name: string) =>
  defineWorkflow({ name: `demo.${name}`, params, partition: part })
    .fetch("fetch", { from: source, request: ({ params: { rows } }) => rows as readonly Row[] })
    .transform("clean", {
      from: "fetch",
      row: (row) => row as never,
      schema: z.object({ day: z.string(), id: z.int() }),
      contract: { columns: "evolve" },
    });
const table = (name: string, key: readonly ("day" | "id")[] = ["day", "id"]) =>
  defineTable({ name, columns: { day: "date", id: "integer" }, key, partition: ["day"] });
const known = table("known");
const keyless = table("keyless", []);
const moved = table("moved");
const grown = table("grown");
const live = defineTable({
  name: "live",
  columns: { live: "boolean", n: "integer" },
  key: [],
  partition: ["live", "n"],
});
const into = (name: string, of: typeof known, how: object) =>
  given(name).load("load", { from: "clean", into: of, ...how } as never);
const flows = {
  anywhere: into("anywhere", known, { disposition: "append" }),
  upsert: into("upsert", known, { disposition: "merge", strategy: "upsert", partition: part }),
  known: into("known", known, { disposition: "replace-partition" }),
  append: into("append", keyless, { disposition: "append", partition: part }),
  keyless: into("keyless", keyless, { disposition: "replace-partition" }),
  byId: into("by_id", moved, { disposition: "merge", by: ["id"], partition: part }),
  moved: into("moved", moved, { disposition: "replace-partition" }),
  left: into("left", grown, { disposition: "replace-partition" }),
  grown: into("grown", grown, { disposition: "replace-partition", newColumns: "add" }),
  away: into("away", known, { disposition: "replace-partition", database: "other" }),
  awayMore: into("away_more", known, { disposition: "append", partition: part, database: "other" }),
  awayAll: into("away_all", known, { disposition: "replace", database: "other" }),
  live: defineWorkflow({ name: "demo.live", params, partition: part })
    .fetch("fetch", { from: source, request: ({ params: { rows } }) => rows as readonly Row[] })
    .load("load", { from: "fetch", into: live as never, disposition: "replace-partition" }),
  ingest: defineWorkflow({ name: "demo.fused", params, partition: part }).ingest("load", {
    from: source,
    request: ({ params: { rows } }) => rows as readonly Row[],
    row: (row) => row as never,
    schema: z.object({ day: z.string(), id: z.int() }),
    into: keyless,
    disposition: "replace-partition",
  }),
} as const;
const [MONDAY, TUESDAY] = ["2026-01-05", "2026-01-06"];
const on = (day: string, ...ids: readonly number[]) => ids.map((id) => ({ day, id }));

describe.each(PLACES)("%s", (_name, open) => {
  let place: SharedPlace;
  let other: SharedPlace;
  let spine: Spine;
  beforeAll(async () => {
    [place, other] = [await open(), await open()];
    spine = await createSpine({
      database: place.database(),
      databases: { other: other.database() },
      workflows: Object.values(flows),
      logger: silentLogger,
    });
    return async () => {
      await spine.stop();
      place.remove();
      other.remove();
    };
  });
  const run = async (name: keyof typeof flows, rows: readonly object[], of: object | null = null) => {
    const started = await spine.run(flows[name] as never, { rows, part: of } as never);
    const { outputs } = await started.result();
    return (outputs as { load: { unchanged: boolean; inserted: number; load?: never } }).load;
  };
  const rowsOf = async (name: string) => {
    const rows = await spine.database.kysely.selectFrom(name).selectAll().execute();
    return rows.map(({ day, id }) => `${String(day).slice(8)}/${String(id)}`).sort();
  };

  test("rows that nobody has recorded are no part of what is known", async () => {
    await run("anywhere", on(MONDAY, 1));
    await run("upsert", on(MONDAY, 2), { day: MONDAY });
    expect(await run("known", on(MONDAY, 2), { day: MONDAY })).toMatchObject({ unchanged: false });
    expect(await rowsOf("known")).toEqual(["05/2"]);
    expect(await run("known", on(MONDAY, 2), { day: MONDAY })).toMatchObject({ unchanged: true });
    // What was added where nobody says comes into doubt, and stays in it whatever is added beside it.
    await run("anywhere", on(MONDAY, 3));
    await run("upsert", on(MONDAY, 4), { day: MONDAY });
    expect(await spine.partitions.get("known", { day: MONDAY })).toMatchObject({ hash: "" });
  });

  test("what is appended is added, the same or not; rows of another partition are refused", async () => {
    await run("append", on(MONDAY, 1), { day: MONDAY });
    expect(await run("append", on(MONDAY, 1), { day: MONDAY })).toMatchObject({ unchanged: false });
    expect(await rowsOf("keyless")).toEqual(["05/1", "05/1"]);
    for (const name of ["append", "keyless", "ingest"] as const) {
      const refused = run(name, [...on(MONDAY, 7), ...on(TUESDAY, 8)], { day: MONDAY });
      await expect(refused).rejects.toMatchObject({
        code: "LOAD_FAILED",
        message: expect.stringMatching(/^Row 2 is not of the partition .* its day is "2026-01-06"/),
      });
    }
    expect(await rowsOf("keyless")).toEqual(["05/1", "05/1"]);
  });

  test("a merge by less than the partition's columns takes rows out of others, which are not known then", async () => {
    await run("moved", on(MONDAY, 1, 2), { day: MONDAY });
    await run("byId", on(TUESDAY, 1), { day: TUESDAY });
    expect(await rowsOf("moved")).toEqual(["05/2", "06/1"]);
    expect(await run("moved", on(MONDAY, 1, 2), { day: MONDAY })).toMatchObject({ unchanged: false });
    expect(await rowsOf("moved")).toEqual(["05/1", "05/2", "06/1"]);
  });

  test("fields that were left out are loaded once their column is there", async () => {
    const rows = [{ day: MONDAY, id: 1, note: "n" }];
    await run("left", rows, { day: MONDAY });
    expect(await run("left", rows, { day: MONDAY })).toMatchObject({ unchanged: true });
    expect(await run("grown", rows, { day: MONDAY })).toMatchObject({ unchanged: false });
    const [row] = await spine.database.kysely.selectFrom("grown").selectAll().execute();
    expect(row).toMatchObject({ note: "n" });
    expect(await run("grown", rows, { day: MONDAY })).toMatchObject({ unchanged: true });
  });

  test("a partition is read strictly: what is no value of its column replaces nothing", async () => {
    await run("live", [{ live: false, n: 0 }], { live: "false", n: "0" });
    for (const wrong of [
      { live: "True", n: "0" },
      { live: "false", n: "" },
      { live: "false", n: "0x0" },
    ]) {
      await expect(run("live", [], wrong)).rejects.toMatchObject({
        code: "LOAD_FAILED",
        message: expect.stringMatching(/^The partition says /),
      });
    }
    expect(await spine.database.kysely.selectFrom("live").selectAll().execute()).toHaveLength(1);
  });

  test("of a table elsewhere it is known too what was added, and that all went", async () => {
    await run("away", on(MONDAY, 1), { day: MONDAY });
    await run("awayMore", on(MONDAY, 2), { day: MONDAY });
    expect(await spine.partitions.list("other.known")).toMatchObject([{ rows: 2 }]);
    await run("awayAll", []);
    expect(await spine.partitions.list("other.known")).toEqual([]);
  });
});
