// What an ingest leaves behind: what the same steps one after another would, whatever dies in between.

import {
  createSpine,
  type Database,
  defineTable,
  defineWorkflow,
  distinctCount,
  type QualityCheck,
  type Row,
  recordCount,
  reject,
  rejectShare,
  type Source,
  type Spine,
  silentLogger,
  sql,
  unique,
} from "spine-core";
import { mortal, stagingTables, withCrashPoints } from "spine-core/testing";
import { beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { PLACES, type SharedPlace } from "./testing/places.ts";

interface Price {
  readonly symbol: string;
  readonly price: string;
}

const PAGE = 3;
/** Where pages were asked for, by run: from which row on. */
const asked: number[] = [];
const source: Source<readonly Price[], Price> = {
  name: "given",
  async *stream(rows, { cursor } = {}) {
    const first = (cursor as number | null | undefined) ?? 0;
    asked.push(first);
    const size = rows.length > 100 ? 500 : PAGE;
    for (let from = first; from < rows.length; from += size) {
      const page = rows.slice(from, from + size);
      yield { rows: page, lines: page.map((_, index) => from + index + 1), cursor: from + page.length };
      await Promise.resolve();
    }
  },
};

const columns = { day: "date", symbol: "text", price: "decimal", note: "json?" } as const;
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
const schema = z.object({
  day: z.string(),
  symbol: z.string().max(8),
  price: z.string(),
  note: z.object({ length: z.number() }).optional(),
});
const flow = (name: string) =>
  defineWorkflow({ name: `ingest.${name}`, params, partition: ({ params: { day } }) => ({ day }) });
const row = ({ symbol, price }: Price, day: string) =>
  price === "none"
    ? reject("NO_PRICE", `${symbol} has no price.`)
    : { day, symbol, price, note: { length: symbol.length } };
const checks: readonly QualityCheck<{ readonly symbol: string }>[] = [
  recordCount({ min: 1 }),
  rejectShare({ warn: 0, fail: 0.5 }),
  unique(["symbol"]),
  distinctCount(["symbol"], { min: 1 }),
];
const DAY = ({ params: { day } }: { readonly params: { readonly day: string } }) => ({ day });

const replaced = table("ingest_replaced");
const merged = table("ingest_merged");
const dims = table("ingest_dims");
const apart = table("ingest_apart");
const common = {
  from: source,
  request: ({ params: { rows } }: { readonly params: { readonly rows: readonly Price[] } }) => rows,
  row: (price: Price, { params: { day } }: { readonly params: { readonly day: string } }) => row(price, day),
  schema,
  checks,
};
const replace = flow("replace").ingest("prices", {
  ...common,
  into: replaced,
  disposition: "replace-partition",
});
const merge = flow("merge").ingest("prices", {
  ...common,
  into: merged,
  disposition: "merge",
  strategy: "upsert",
  partition: DAY,
});
const scd2 = flow("scd2").ingest("prices", { ...common, into: dims, disposition: "scd2", partition: DAY });
const append = flow("append").ingest("prices", { ...common, into: merged, disposition: "append" });
/** The same as `replace`, one step after another. */
const steps = flow("steps")
  .fetch("fetch", { from: source, request: common.request })
  .transform("clean", { from: "fetch", row: common.row, schema })
  .quality("check", { on: "clean", checks })
  .load("load", { from: "clean", into: apart, disposition: "replace-partition" });
const asking = flow("asking").ingest("prices", {
  ...common,
  checks: [
    sql("cheap", (db, rows) => db.selectFrom(rows).select("symbol").where("price", "=", "7.5"), {
      columns: { symbol: "text", price: "text" },
    }),
  ],
  into: merged,
  disposition: "append",
});
const ALL = [replace, merge, scd2, append, steps, asking];

const on = (day: string, prices: string) => ({
  day,
  rows: prices.split(" ").map((pair) => {
    const [symbol = "", price = ""] = pair.split("=");
    return { symbol, price };
  }),
});

describe.each(PLACES)("%s", (_name, open) => {
  let place: SharedPlace;
  let shared: Spine;
  beforeAll(async () => {
    place = await open();
    shared = await createSpine({ database: place.database(), workflows: ALL, logger: silentLogger });
    return async () => {
      await shared.stop();
      place.remove();
    };
  });
  const rowsOf = async ({ kysely }: Database, name: string) => {
    const rows: Row[] = await kysely.selectFrom(name).selectAll().orderBy("day").orderBy("symbol").execute();
    return rows.map((one) => `${String(one.symbol)} ${String(one.price)}`);
  };
  const bytesOf = async ({ kysely }: Database, name: string) =>
    JSON.stringify(await kysely.selectFrom(name).selectAll().orderBy("day").orderBy("symbol").execute());

  test("it leaves what the same steps one after another leave, and says the same", async () => {
    const spine = shared;
    const given = on("2026-01-05", "A=1 B=none C=3.50 D=4 E=5 F=none G=7");
    const run = await spine.run(replace, given);
    const { prices } = (await run.result()).outputs;
    const other = (await (await spine.run(steps, given)).result()).outputs;
    expect(prices).toMatchObject({ rows: 5, rejected: 2, load: { inserted: 5, superseded: 0 } });
    expect(prices.quality).toEqual(other.check);
    expect(await rowsOf(spine.database, replaced.name)).toEqual(await rowsOf(spine.database, apart.name));
    expect(await rowsOf(spine.database, replaced.name)).toEqual(["A 1", "C 3.5", "D 4", "E 5", "G 7"]);
    const rejects = await spine.rejects.list({ runId: run.id });
    expect(rejects.map(({ code, line, raw }) => ({ code, line, raw }))).toEqual([
      { code: "NO_PRICE", line: 2, raw: { symbol: "B", price: "none" } },
      { code: "NO_PRICE", line: 6, raw: { symbol: "F", price: "none" } },
    ]);
    const mine = await spine.partitions.get(replaced.name, { day: given.day });
    const theirs = await spine.partitions.get(apart.name, { day: given.day });
    expect(mine).toMatchObject({ rows: 5, hash: theirs?.hash, loadId: prices.load.loadId });
    expect(await stagingTables(spine.database)).toBe(0);
    // The same content is recognised, and not written once more.
    const again = (await (await spine.run(replace, given)).result()).outputs.prices;
    expect(again.load).toMatchObject({ unchanged: true, loadId: prices.load.loadId });
    expect(await stagingTables(spine.database)).toBe(0);
  });

  test("a FAIL leaves the table as it was, and rejects and results stay", async () => {
    const spine = shared;
    const day = "2026-01-06";
    await (await spine.run(replace, on(day, "A=1 B=2"))).result();
    const before = await bytesOf(spine.database, replaced.name);
    const run = await spine.run(replace, on(day, "A=9 C=3 D=none A=8"));
    const failure = await run.result().catch((error: unknown) => error);
    expect(failure).toMatchObject({ category: "DATA_QUALITY" });
    expect(await bytesOf(spine.database, replaced.name)).toBe(before);
    expect(await stagingTables(spine.database)).toBe(0);
    expect(await spine.rejects.list({ runId: run.id })).toHaveLength(1);
    const found = await spine.quality.results(run.id);
    expect(found.map(({ check, status }) => `${check} ${status}`)).toContain("unique(symbol) FAIL");
    // Tried again it reads its source again, and comes to the same verdict.
    await expect((await spine.retry(run.id)).result()).rejects.toMatchObject({ category: "DATA_QUALITY" });
    expect(await bytesOf(spine.database, replaced.name)).toBe(before);
  });

  test("merges, dimensions and appends work on what is staged", async () => {
    const spine = shared;
    const day = "2026-02-02";
    const load = async (workflow: typeof merge, prices: string) =>
      (await (await spine.run(workflow, on(day, prices))).result()).outputs.prices.load;
    await load(merge, "A=1 B=2 C=3 D=4");
    expect(await load(merge, "B=5 E=6")).toMatchObject({ inserted: 2, superseded: 1, kept: 0 });
    expect(await load(append, "F=7")).toMatchObject({ inserted: 1, superseded: 0 });
    expect(await rowsOf(spine.database, merged.name)).toEqual(["A 1", "B 5", "C 3", "D 4", "E 6", "F 7"]);
    await load(scd2, "A=1 B=2");
    expect(await load(scd2, "A=1 C=3")).toMatchObject({ inserted: 1, superseded: 1, kept: 1 });
    expect(await rowsOf(spine.database, dims.name)).toEqual(["A 1", "C 3"]);
    await expect(load(append, "F=8")).rejects.toMatchObject({ code: "LOAD_FAILED" });
    const nothing = await (await spine.run(append, { day, rows: [] })).result().catch((error) => error);
    expect(nothing).toMatchObject({ category: "DATA_QUALITY" });
  });

  test("more keys than stand with a page, and checks in SQL, are answered by the staging table", async () => {
    const spine = shared;
    const many = Array.from({ length: 1_200 }, (_, n) => `S${n}=${n}`).join(" ");
    const { prices } = (await (await spine.run(replace, on("2026-03-02", many))).result()).outputs;
    expect(prices.quality.results.find(({ check }) => check === "unique(symbol)")).toMatchObject({
      status: "PASS",
      rowsTested: 1_200,
    });
    const twice = await spine.run(replace, on("2026-03-03", `${many} S7=1`));
    await expect(twice.result()).rejects.toMatchObject({ category: "DATA_QUALITY" });
    const samples = (await spine.quality.results(twice.id)).flatMap((one) => one.samples);
    expect(samples).toEqual(['["S7"] once more']);
    const sql = await spine.run(asking, on("2026-03-04", "X=7.50 Y=8"));
    await expect(sql.result()).rejects.toThrow("cheap");
  });

  test("after a death at any page it goes on there, and its checks say what they would have said", async () => {
    const prices = "A=1 B=none C=3 D=4 E=5 F=6 G=7 C=8";
    const whole = shared;
    const staged = await stagingTables(whole.database);
    const undisturbed = await whole.run(replace, on("2026-04-01", prices));
    await undisturbed.result().catch(() => {});
    const said = async (runId: string) =>
      (await whole.quality.results(runId)).map(({ check, status, message, samples, rowsTested }) => ({
        check,
        status,
        message,
        samples,
        rowsTested,
      }));
    for (const nth of [1, 2, 3]) {
      const life = mortal(place.database());
      let pages = 0;
      const dying = withCrashPoints(life.database, (point) => {
        if (point !== "after dataset.append") return undefined;
        pages += 1;
        return pages === nth ? life.die() : undefined;
      });
      asked.length = 0;
      const first = await createSpine({ database: dying, workflows: ALL, logger: silentLogger });
      const { id } = await first.run(replace, on(`2026-04-1${nth}`, prices));
      await life.dead;
      await expect((await whole.attach(id)).result()).rejects.toMatchObject({
        category: "DATA_QUALITY",
      });
      expect(asked).toEqual([0, Math.min(nth * PAGE, 8)]);
      expect(await said(id)).toEqual(await said(undisturbed.id));
      expect(await stagingTables(whole.database)).toBe(staged);
    }
  });
});
