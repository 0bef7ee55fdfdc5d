import { expect } from "vitest";
import { type Column, defineTable } from "../data/table.ts";
import type { RowStamp } from "../database/database-transaction.ts";
import type { Row } from "../sources/source.ts";
import type { Check } from "./suite.ts";

const stamp: RowStamp = { loadId: "load-1", loadedAt: "2026-01-05T09:00:00.000Z" };
const grown = defineTable({
  name: "suite_grown",
  columns: { id: "integer" },
  key: ["id"],
  captures: "suite_grown_captures",
});
const column = (type: Column["type"]): Column => ({ type, nullable: true, scale: 6 });
const ADDED = { venue: column("text"), late: column("boolean"), detail: column("json") };

/** Columns that a table gets beyond its definition. Part of `testDatabase`. */
export function databaseColumnTests(check: Check): void {
  check("adds columns to a table and its captures, once, and rows have them", async ({ database }) => {
    await database.ensureTable(grown);
    const load = (table: typeof grown, rows: readonly Row[]) =>
      database.transaction((transaction) =>
        transaction.insertRows(
          table,
          (async function* () {
            yield rows;
          })(),
          stamp,
        ),
      );
    await load(grown, [{ id: 1 }]);
    const [wider, again] = await Promise.all([
      database.addColumns(grown, ADDED),
      database.addColumns(grown, ADDED),
    ]);
    expect(wider).toEqual({ ...grown, columns: { ...grown.columns, ...ADDED } });
    expect(again).toEqual(wider);
    await load(wider as typeof grown, [
      { id: 2, venue: "it's", late: true, detail: { of: [1, 2.5] } },
      { id: 3 },
    ]);
    const rows = await database.kysely.selectFrom("suite_grown").selectAll().orderBy("id").execute();
    const seen = rows.map(({ venue, late, detail }: Row) => [
      venue,
      late === null ? null : Boolean(late),
      typeof detail === "string" ? JSON.parse(detail) : detail,
    ]);
    expect(seen).toEqual([
      [null, null, null],
      ["it's", true, { of: [1, 2.5] }],
      [null, null, null],
    ]);
    // A process that knows nothing of them goes on with its definition, and rows keep what they have when they are superseded.
    await database.ensureTable(grown);
    await database.transaction((transaction) =>
      transaction.supersede(wider, null, "2026-01-06T00:00:00.000Z"),
    );
    const captures = await database.kysely
      .selectFrom("suite_grown_captures")
      .selectAll()
      .orderBy("id")
      .execute();
    expect(captures.map(({ venue }) => venue as unknown)).toEqual([null, "it's", null]);
    await load(grown, [{ id: 4 }]);
  });

  check(
    "takes a column that holds any JSON for all types, and refuses one that holds something else",
    async ({ database }) => {
      await database.ensureTable(grown);
      await database.addColumns(grown, ADDED);
      const { columns } = await database.addColumns(grown, { detail: column("text") });
      expect(columns.detail).toEqual(column("json"));
      await expect(database.addColumns(grown, { venue: column("json") })).rejects.toMatchObject({
        code: "LOAD_FAILED",
        message: expect.stringContaining('"venue"'),
      });
    },
  );

  check("refuses a column beyond the definition that wants a value", async ({ database }) => {
    await database.ensureTable(grown);
    const narrow = defineTable({ name: grown.name, columns: { id: "integer" }, key: [] });
    await database.kysely.schema
      .alterTable("suite_grown")
      .addColumn("must", "text", (one) => one.notNull().defaultTo(""))
      .execute();
    await expect(database.ensureTable(narrow)).rejects.toThrow(/"must" is there and wants a value/);
  });
}
