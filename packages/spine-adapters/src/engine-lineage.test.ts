// Where rows came from, and what has to be done again: files, sources, datasets and partitions, through transforms and redrives.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createSpine, defineTable, defineWorkflow, reject, type Spine, silentLogger } from "spine-core";
import { beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { fileSource } from "./sources/index.ts";
import { PLACES } from "./testing/places.ts";
import { temporaryDirectory } from "./testing/sqlite-harness.ts";

const folder = temporaryDirectory();
mkdirSync(join(folder, "days"));
writeFileSync(join(folder, "one.csv"), "symbol,shares\nAAA,1\nBBB,2\n");
writeFileSync(join(folder, "two.csv"), "symbol,shares\nCCC,3\n");
writeFileSync(join(folder, "days/a.csv"), "symbol,shares\nDDD,4\nodd,x\n");
writeFileSync(join(folder, "days/b.csv"), "symbol,shares\nEEE,5\n");

const files = fileSource({ name: "vendor.files", roots: [folder] });
const trades = defineTable({
  name: "traced_trades",
  columns: { day: "text", symbol: "text", shares: "text" },
  key: ["day", "symbol"],
  partition: ["day"],
});
const flow = defineWorkflow({
  name: "demo.traced",
  params: z.object({ day: z.string(), path: z.string().optional(), glob: z.string().optional() }),
  partition: ({ params: { day } }) => ({ day }),
})
  .fetch("fetch", {
    from: files,
    request: ({ params: { path = "", glob } }) => (glob === undefined ? { path } : { glob }),
  })
  .transform("clean", {
    from: "fetch",
    row: (row, { params: { day } }) =>
      row.shares === "x"
        ? reject("ODD", "no shares")
        : { day, symbol: String(row.symbol), shares: String(row.shares) },
    schema: z.object({ day: z.string(), symbol: z.string(), shares: z.string() }),
  })
  .load("load", { from: "clean", into: trades, disposition: "replace-partition" });

describe.each(PLACES)("%s", (_name, open) => {
  let spine: Spine;
  const run = async (params: { day: string; path?: string; glob?: string }) => {
    const started = await spine.run(flow, params);
    return { id: started.id, ...(await started.result()).outputs };
  };
  const days = (affected: Awaited<ReturnType<Spine["lineage"]["affectedBy"]>>) =>
    affected.partitions.map(({ partition }) => partition.day);
  beforeAll(async () => {
    const place = await open();
    spine = await createSpine({ database: place.database(), workflows: [flow], logger: silentLogger });
    return async () => {
      await spine.stop();
      place.remove();
    };
  });

  test("a row leads to its run, and through the datasets to the file that it was read from", async () => {
    const one = await run({ day: "mon", path: join(folder, "one.csv") });
    const row = await spine.database.kysely
      .selectFrom(trades.name)
      .selectAll()
      .where("symbol", "=", "BBB")
      .executeTakeFirstOrThrow();
    const { load, run: of, upstream } = await spine.lineage.row(trades.name, String(row._spine_load_id));
    expect(load).toMatchObject({
      loadId: one.load.loadId,
      runId: one.id,
      step: "load",
      partition: { day: "mon" },
      inserted: 2,
    });
    expect(of).toMatchObject({ runId: one.id, workflow: "demo.traced", params: { day: "mon" } });
    expect(upstream).toEqual([
      {
        dataset: one.clean.dataset,
        runId: one.id,
        step: "clean",
        rows: 2,
        source: null,
        locator: null,
        madeOf: one.fetch.dataset,
        files: [],
      },
      {
        dataset: one.fetch.dataset,
        runId: one.id,
        step: "fetch",
        rows: 2,
        source: "vendor.files",
        locator: join(folder, "one.csv"),
        madeOf: null,
        files: [],
      },
    ]);
    expect(await spine.lineage.load(one.load.loadId)).toEqual({ load, run: of, upstream });
    for (const wrong of [spine.lineage.row("other", load.loadId), spine.lineage.load("none")])
      await expect(wrong).rejects.toMatchObject({ code: "VALIDATION_FAILED" });
  });

  test("a file, a source, a dataset and a partition lead to what has to be done again, and no further", async () => {
    const two = await run({ day: "tue", path: join(folder, "two.csv") });
    const both = await run({ day: "wed", glob: join(folder, "days/*.csv") });
    const { lineage } = spine;
    expect(days(await lineage.affectedBy({ file: join(folder, "two.csv") }))).toEqual(["tue"]);
    const [file = ""] = (await lineage.load(both.load.loadId)).upstream[1]?.files ?? [];
    expect(file).toMatch(/a\.csv$/);
    expect(days(await lineage.affectedBy({ file }))).toEqual(["wed"]);
    expect(days(await lineage.affectedBy({ source: "vendor.files" }))).toEqual(["mon", "tue", "wed"]);
    expect(days(await lineage.affectedBy({ source: "vendor" }))).toEqual([]);
    expect(days(await lineage.affectedBy({ dataset: two.fetch.dataset }))).toEqual(["tue"]);
    const { loads } = await lineage.affectedBy({ table: trades.name, partition: { day: "tue" } });
    expect(loads.map(({ loadId, current }) => [loadId, current])).toEqual([[two.load.loadId, true]]);
    await expect(lineage.affectedBy({ fiel: "x" } as never)).rejects.toThrow("`fiel` is no option");
    for (const wrong of [
      {},
      { file: 5 },
      { file: "a", source: "b" },
      { table: "t" },
      undefined,
      null,
      "a.csv",
    ])
      await expect(lineage.affectedBy(wrong as never)).rejects.toMatchObject({ category: "VALIDATION" });
  });

  test("what another load has replaced need not be done again", async () => {
    const { lineage } = spine;
    const tuesday = await run({ day: "tue", path: join(folder, "one.csv") });
    const before = await lineage.affectedBy({ file: join(folder, "two.csv") });
    expect(before).toMatchObject({ loads: [{ current: false }], partitions: [] });
    expect(days(await lineage.affectedBy({ dataset: tuesday.clean.dataset }))).toEqual(["tue"]);
  });

  test("rows that were driven again come from their file, and what they were added to has to be done again as ever", async () => {
    const { lineage } = spine;
    const wednesday = await run({ day: "thu", glob: join(folder, "days/*.csv") });
    const again = await spine.rejects.redrive(wednesday.id, {
      step: "clean",
      edits: { 0: { symbol: "FFF", shares: "6" } },
    });
    const { outputs } = await again.result();
    const { loadId } = outputs.load as { readonly loadId: string };
    const { upstream } = await lineage.load(loadId);
    expect(upstream.map(({ runId, step }) => [runId, step])).toEqual([
      [again.id, "clean"],
      [again.id, "fetch"],
      [wednesday.id, "fetch"],
    ]);
    expect(upstream.at(-1)?.source).toBe("vendor.files");
    const affected = await lineage.affectedBy({ dataset: wednesday.fetch.dataset });
    expect(affected.loads.map((load) => load.loadId)).toContain(loadId);
    // They were added: what was there before, of another file too, has to be done again as ever.
    const [, file = ""] = (await lineage.load(wednesday.load.loadId)).upstream[1]?.files ?? [];
    expect(file).toMatch(/b\.csv$/);
    const ofFile = await lineage.affectedBy({ file });
    const whole = ofFile.loads.find((load) => load.loadId === wednesday.load.loadId);
    expect(whole).toMatchObject({ current: true, disposition: "replace-partition" });
    expect(ofFile.loads.at(-1)).toMatchObject({ loadId, current: true, disposition: "append" });
    expect(days(ofFile)).toContain("thu");
  });
});
