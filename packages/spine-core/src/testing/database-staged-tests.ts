import { expect } from "vitest";
import type { Merge } from "../data/merge.ts";
import { defineTable, type Table } from "../data/table.ts";
import type { Database } from "../database/database.ts";
import type { Row } from "../sources/source.ts";
import type { Check, TestContext } from "./suite.ts";

const STAMP = { loadId: "load-2", loadedAt: "2026-01-06T09:00:00.000Z" };

const prices = defineTable({
  name: "suite_staged",
  columns: { day: "date", symbol: "text", price: "decimal", detail: "json?" },
  key: ["symbol", "day"],
  partition: ["day"],
  captures: "suite_staged_captures",
});
const MERGE: Merge = { strategy: "upsert", by: ["symbol", "day"], absent: "keep", partition: null };

/** Rows that were staged, on the last bit of their way. */
export function databaseStagedTests(check: Check): void {
  check("moves what is staged in its order, with its stamp, and drops the staging table", async (context) => {
    const { database, stores } = context;
    const dataset = await stage(context, [
      [price("B", "1.50"), { ...price("A", "-0.000001"), detail: { a: [1] } }],
      [],
      [price("'; DROP TABLE suite_staged; --", "2")],
    ]);
    expect(await shown(database, prices)).toEqual([]);
    const counts = await move(database, dataset, null);
    expect(counts).toEqual({ inserted: 3, superseded: 0, kept: 0 });
    expect(await shown(database, prices)).toEqual([
      "'; DROP TABLE suite_staged; -- 2 load-2",
      "A -0.000001 load-2",
      "B 1.5 load-2",
    ]);
    expect(await stores.datasets.isStaged(dataset)).toBe(false);
  });

  check("brings what is staged together with what is there", async (context) => {
    const { database } = context;
    await move(database, await stage(context, [[price("A", "1"), price("B", "1")]], "first"), null);
    const dataset = await stage(context, [[price("B", "2")], [price("C", "3")]]);
    expect(await move(database, dataset, MERGE)).toEqual({ inserted: 2, superseded: 1, kept: 0 });
    expect(await shown(database, prices)).toEqual(["A 1 load-2", "B 2 load-2", "C 3 load-2"]);
    const twice = await stage(context, [[price("A", "8")], [price("A", "9")]], "twice");
    await expect(move(database, twice, MERGE)).rejects.toMatchObject({ code: "LOAD_FAILED" });
    expect(await context.stores.datasets.isStaged(twice), "it can be tried again").toBe(true);
    expect(await shown(database, prices)).toEqual(["A 1 load-2", "B 2 load-2", "C 3 load-2"]);
  });

  check("a transaction that is rolled back leaves what is staged, and can be made again", async (context) => {
    const { database, stores } = context;
    const dataset = await stage(context, [[price("A", "1")]]);
    const { isStaged } = stores.datasets;
    for (const fails of [
      (one: Parameters<Parameters<Database["transaction"]>[0]>[0]) =>
        one.moveStaged(dataset, prices, STAMP, null),
      (one: Parameters<Parameters<Database["transaction"]>[0]>[0]) =>
        one.moveStaged(dataset, prices, STAMP, MERGE),
      (one: Parameters<Parameters<Database["transaction"]>[0]>[0]) => one.dropStaged(dataset),
    ]) {
      const work = database.transaction(async (transaction) => {
        await fails(transaction);
        throw new RangeError("mine");
      });
      await expect(work).rejects.toThrow(new RangeError("mine"));
      expect(await isStaged.call(stores.datasets, dataset)).toBe(true);
      expect(await shown(database, prices)).toEqual([]);
    }
    expect(await move(database, dataset, null)).toMatchObject({ inserted: 1 });
    expect(await shown(database, prices)).toEqual(["A 1 load-2"]);
  });

  check("a key that is there already is an error that says so, and what is staged stays", async (context) => {
    const { database, stores } = context;
    await move(database, await stage(context, [[price("A", "1")]], "first"), null);
    const dataset = await stage(context, [[price("B", "1"), price("A", "2")]]);
    await expect(move(database, dataset, null)).rejects.toMatchObject({
      code: "LOAD_FAILED",
      message: expect.stringContaining('in table "suite_staged" already'),
    });
    expect(await shown(database, prices)).toEqual(["A 1 load-2"]);
    expect(await stores.datasets.isStaged(dataset)).toBe(true);
  });

  check(
    "drops what is staged once, and again does nothing; what is gone cannot be moved",
    async (context) => {
      const { database, stores } = context;
      const dataset = await stage(context, [[price("A", "1")]]);
      const other = await stage(context, [[price("B", "1")]], "other");
      const drop = (id: string) => database.transaction((transaction) => transaction.dropStaged(id));
      await drop(dataset);
      await drop(dataset);
      expect(await stores.datasets.isStaged(dataset)).toBe(false);
      expect(await stores.datasets.isStaged(other)).toBe(true);
      for (const merge of [null, MERGE]) {
        await expect(move(database, dataset, merge)).rejects.toMatchObject({ code: "DATASET_MISSING" });
      }
      expect(await shown(database, prices)).toEqual([]);
    },
  );
}

function price(symbol: string, of: string): Row {
  return { day: "2025-01-06", symbol, price: of };
}

async function stage(
  { database, stores: { datasets } }: TestContext,
  chunks: readonly (readonly Row[])[],
  step = "ingest",
): Promise<string> {
  await database.ensureTable(prices);
  const writer = { runId: "run-1", step, token: 1 };
  const { dataset } = await datasets.open(writer);
  for (const [index, rows] of chunks.entries()) {
    const chunk = { index, rows, lines: null, rejects: [], cursor: index + 1, into: prices };
    await datasets.append(writer, dataset, chunk);
  }
  await datasets.seal(writer, dataset);
  return dataset;
}

async function move(database: Database, dataset: string, merge: Merge | null) {
  return await database.transaction((one) => one.moveStaged(dataset, prices, STAMP, merge));
}

async function shown({ kysely }: Database, { name }: Table): Promise<readonly string[]> {
  const rows = await kysely.selectFrom(name).selectAll().execute();
  return rows.map(({ symbol, price, _spine_load_id }) => `${symbol} ${price} ${_spine_load_id}`).toSorted();
}
