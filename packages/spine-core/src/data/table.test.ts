import { expect, test } from "vitest";
import { defineTable } from "./table.ts";

test("a table is frozen data", () => {
  const table = defineTable({
    name: "trades",
    columns: { symbol: "text", shares: "decimal?" },
    key: ["symbol"],
  });
  expect(table).toEqual({
    name: "trades",
    columns: {
      symbol: { type: "text", nullable: false, scale: 6 },
      shares: { type: "decimal", nullable: true, scale: 6 },
    },
    key: ["symbol"],
    partition: [],
    captures: null,
  });
  expect(Object.isFrozen(table.columns.symbol)).toBe(true);
});

test.each(["Trades", "a; drop table b", "", "1a", 'a"b', "_spine_load_id"])(
  "refuses %j as a name",
  (name) => {
    expect(() => defineTable({ name, columns: { a: "text" }, key: ["a"] })).toThrowError(
      /cannot name a table/,
    );
    expect(() => defineTable({ name: "t", columns: { [name]: "text" }, key: [name] })).toThrowError(
      /cannot name/,
    );
  },
);
