import { expect } from "vitest";
import type { Merge, MergeCounts } from "../data/merge.ts";
import { defineTable, type Table } from "../data/table.ts";
import type { Database } from "../database/database.ts";
import type { Row } from "../sources/source.ts";
import type { Check } from "./suite.ts";

const FIRST = { loadId: "load-1", loadedAt: "2026-01-05T09:00:00.000Z" };
const SECOND = { loadId: "load-2", loadedAt: "2026-01-06T09:00:00.000Z" };

const prices = defineTable({
  name: "suite_prices",
  columns: { day: "date", symbol: "text", venue: "text?", price: "decimal?", detail: "json?" },
  key: ["symbol", "day"],
  partition: ["day"],
  captures: "suite_prices_captures",
});
const plain = defineTable({
  name: "suite_merged",
  columns: { day: "date", symbol: "text", venue: "text?", price: "decimal?", detail: "json?" },
  key: ["symbol", "day"],
});
const spelt = defineTable({
  name: "suite_spelt",
  columns: { seen_at: "timestamp", detail: "json?" },
  key: ["seen_at"],
  partition: ["seen_at"],
  captures: "suite_spelt_captures",
});

const BY_KEY = { by: ["symbol", "day"], absent: "close", partition: null } as const;

/** Loads that find rows by their keys. */
export function databaseMergeTests(check: Check): void {
  check("an upsert changes the rows of its keys, and adds the others", async ({ database }) => {
    await seeded(database, prices);
    const counts = await merge(database, prices, [price("A", "2"), price("C", "3")], "upsert");
    expect(counts).toEqual({ inserted: 2, superseded: 1, kept: 0 });
    expect(await shown(database, prices.name)).toEqual(["A 2 load-2", "B 1 load-1", "C 3 load-2"]);
    expect(await shown(database, "suite_prices_captures")).toEqual(["A 1 load-1"]);
  });

  check("delete and insert takes all rows of a value away, whatever the key is", async ({ database }) => {
    await seeded(database, prices, [
      price("A", "1", "X"),
      price("B", "1", "X"),
      price("C", "1", "Y"),
      price("D", "1"),
    ]);
    const input = [price("E", "2", "X"), price("F", "2", null)];
    const counts = await merge(database, prices, input, "delete-insert", { by: ["venue"] });
    // A value that is not there is one of its own.
    expect(counts).toEqual({ inserted: 2, superseded: 3, kept: 0 });
    expect(await shown(database, prices.name)).toEqual(["C 1 load-1", "E 2 load-2", "F 2 load-2"]);
    expect(await shown(database, "suite_prices_captures")).toEqual([
      "A 1 load-1",
      "B 1 load-1",
      "D 1 load-1",
    ]);
  });

  check("changing dimensions: what is the same stays, what is not is a capture", async ({ database }) => {
    const detail = { a: [1, null] };
    await seeded(database, prices, [{ ...price("A", "1.50"), detail }, price("B", "1"), price("C", "1")]);
    const input = [{ ...price("A", "1.5"), detail }, price("B", "2"), price("D", "1")];
    expect(await merge(database, prices, input, "scd2")).toEqual({ inserted: 2, superseded: 2, kept: 1 });
    expect(await shown(database, prices.name)).toEqual(["A 1.5 load-1", "B 2 load-2", "D 1 load-2"]);
    expect(await shown(database, "suite_prices_captures")).toEqual(["B 1 load-1", "C 1 load-1"]);
    expect(await merge(database, prices, input, "scd2")).toEqual({ inserted: 0, superseded: 0, kept: 3 });
  });

  check("the same instant and the same JSON in another spelling are the same", async ({ database }) => {
    await seeded(database, spelt, [
      { seen_at: "2026-01-05T09:00:00Z", detail: { a: 1, b: { c: [1], d: null } } },
      { seen_at: "2026-01-05T09:00:00.25Z", detail: [] },
    ]);
    const input = [
      { seen_at: "2026-01-05T10:30+01:30", detail: { b: { d: null, c: [1] }, a: 1 } },
      { seen_at: "2026-01-05T04:00:00.250000-05:00", detail: [] },
    ];
    expect(await merge(database, spelt, input, "scd2", { by: ["seen_at"] })).toEqual({
      inserted: 0,
      superseded: 0,
      kept: 2,
    });
    const changed = [{ seen_at: "2026-01-05T09:00:00.000000Z", detail: "new" }];
    expect(await merge(database, spelt, changed, "upsert", { by: ["seen_at"] })).toMatchObject({
      inserted: 1,
      superseded: 1,
    });
    const odd = [
      ["2026-01-05T24:00:00Z", "2026-01-06T00:00:00.000Z"],
      ["2026-02-28T23:59:60Z", "2026-03-01T00:00:00.000Z"],
      ["2026-01-01T00:30:00.1234565+01:00", "2025-12-31T23:30:00.123456Z"],
      ["0001-01-02T00:00:00.0001+00:30", "0001-01-01T23:30:00.0001Z"],
      ["2026-01-05T09:00:00.9999999Z", "2026-01-05T09:00:01.000Z"],
    ] as const;
    await database.transaction((transaction) =>
      transaction.insertRows(spelt, batches(odd.map(([seen_at]) => ({ seen_at }))), FIRST),
    );
    const found = await database.kysely.selectFrom(spelt.name).select("seen_at").execute();
    const stored = found.map(({ seen_at }) => String(seen_at));
    const all = ["2026-01-05T09:00:00.000Z", "2026-01-05T09:00:00.250Z", ...odd.map(([, one]) => one)];
    expect(stored.sort()).toEqual(all.sort());
    // A partition is found in whichever spelling it is named.
    const taken = await database.transaction((transaction) =>
      transaction.supersede(spelt, { seen_at: "2026-01-05T10:00:00+01:00" }, SECOND.loadedAt),
    );
    expect(taken).toBe(1);
  });

  check(
    "changing dimensions close nothing outside of their partition, or nothing at all",
    async ({ database }) => {
      const other = { ...price("Z", "1"), day: "2026-01-06" };
      await seeded(database, prices, [price("A", "1"), price("B", "1"), other]);
      const kept = await merge(database, prices, [price("A", "2")], "scd2", { absent: "keep" });
      expect(kept).toEqual({ inserted: 1, superseded: 1, kept: 0 });
      const partition = { day: "2026-01-05" };
      const closed = await merge(database, prices, [price("A", "2")], "scd2", { partition });
      expect(closed).toEqual({ inserted: 0, superseded: 1, kept: 1 });
      expect(await shown(database, prices.name)).toEqual(["A 2 load-2", "Z 1 load-1"]);
    },
  );

  check("two rows of one key are refused, and nothing changes", async ({ database }) => {
    await seeded(database, prices);
    for (const strategy of ["upsert", "delete-insert", "scd2"] as const) {
      const refused = merge(database, prices, [price("C", "1"), price("A", "2"), price("A", "3")], strategy);
      await expect(refused).rejects.toMatchObject({ code: "LOAD_FAILED", context: { table: prices.name } });
      await expect(refused).rejects.toThrow(/symbol = "A"/);
    }
    const sameVenue = [price("X", "1", "V"), price("B", "2", "V")];
    await expect(
      merge(database, prices, sameVenue, "delete-insert", { by: ["venue"] }),
    ).rejects.toMatchObject({ code: "LOAD_FAILED" });
    expect(await shown(database, prices.name)).toEqual(["A 1 load-1", "B 1 load-1"]);
    expect(await shown(database, "suite_prices_captures")).toEqual([]);
  });

  check("several merges of one transaction, also without captures", async ({ database }) => {
    await seeded(database, plain);
    await database.transaction(async (transaction) => {
      for (const value of ["2", "3"]) {
        const rows = batches([price("A", value)]);
        await transaction.mergeRows(plain, rows, SECOND, { ...BY_KEY, strategy: "upsert" });
      }
      await transaction.mergeRows(plain, batches([price("B", "9")]), SECOND, { ...BY_KEY, strategy: "scd2" });
    });
    expect(await shown(database, plain.name)).toEqual(["B 9 load-2"]);
  });

  check("takes the whole of a table away", async ({ database }) => {
    await seeded(database, prices);
    const taken = await database.transaction((transaction) =>
      transaction.supersede(prices, null, SECOND.loadedAt),
    );
    expect(taken).toBe(2);
    expect(await shown(database, prices.name)).toEqual([]);
    expect(await shown(database, "suite_prices_captures")).toHaveLength(2);
  });

  check("rows that come column by column are the same rows", async ({ database }) => {
    await database.ensureTable(plain);
    const odd = ["tab\tbed", "line\nend", "\\N", "\\", "", "\r", "é", "\u{1F600}", "x".repeat(300)];
    const rows = odd.map((venue, n) => ({ ...price(`S${n}`, `${n}.25`), venue, detail: { venue } }));
    const keys = ["detail", "venue", "price", "symbol", "day", "unknown"];
    const values = (position: number) => rows.map((row) => (row as Row)[keys[position] ?? ""]);
    const block = { keys, rows: rows.length, values };
    await database.transaction((transaction) =>
      transaction.insertRows(
        plain,
        (async function* () {
          yield block;
        })(),
        FIRST,
      ),
    );
    const found = await database.kysely.selectFrom(plain.name).selectAll().orderBy("symbol").execute();
    expect(found.map(({ venue }) => venue as unknown)).toEqual(odd);
    expect(found.map(({ price: one }) => one as unknown)).toEqual(rows.map((row) => row.price));
    const lacking = { keys: ["day"], rows: 1, values: () => ["2026-01-05"] };
    const refused = database.transaction((transaction) =>
      transaction.insertRows(
        plain,
        (async function* () {
          yield lacking;
        })(),
        FIRST,
      ),
    );
    await expect(refused).rejects.toMatchObject({
      code: "LOAD_FAILED",
      context: { column: "symbol", row: 1 },
    });
  });
}

function price(symbol: string, value: string, venue: string | null = null) {
  return { day: "2026-01-05", symbol, venue, price: value };
}

async function seeded(
  database: Database,
  table: Table,
  rows: readonly Row[] = [price("A", "1"), price("B", "1")],
): Promise<void> {
  await database.ensureTable(table);
  await database.transaction((transaction) => transaction.insertRows(table, batches(rows), FIRST));
}

async function merge(
  database: Database,
  table: Table,
  rows: readonly Row[],
  strategy: Merge["strategy"],
  how: Partial<Merge> = {},
): Promise<MergeCounts> {
  return await database.transaction((transaction) =>
    transaction.mergeRows(table, batches(rows), SECOND, { ...BY_KEY, strategy, ...how }),
  );
}

async function shown(database: Database, table: string): Promise<readonly string[]> {
  const rows = await database.kysely.selectFrom(table).selectAll().orderBy("symbol").execute();
  return rows.map((row) => `${row.symbol} ${row.price} ${row._spine_load_id}`);
}

async function* batches(rows: readonly Row[]): AsyncIterable<readonly Row[]> {
  yield rows;
}
