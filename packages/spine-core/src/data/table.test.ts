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

test.each([
  ["a table", { name: "sqlite_trades" }, "sqlite_trades"],
  ["a table of captures", { captures: "sqlite_old" }, "sqlite_old"],
])("refuses what SQLite keeps for itself as the name of %s", (_what, options, name) => {
  expect(() => defineTable({ name: "t", columns: { a: "text" }, key: ["a"], ...options })).toThrowError(
    expect.objectContaining({ code: "CONFIG_INVALID", message: expect.stringContaining(`"${name}"`) }),
  );
});

test("refuses a column whose name a decimal column takes", () => {
  const beside = (columns: Record<string, "decimal?" | "integer" | "text">) => () =>
    defineTable({ name: "t", columns, key: [] });
  expect(beside({ shares: "decimal?", shares_units: "integer" })).toThrowError(
    expect.objectContaining({
      code: "CONFIG_INVALID",
      message: expect.stringMatching(/"shares_units".*"shares"/),
    }),
  );
  expect(beside({ shares: "text", shares_units: "integer" })).not.toThrow();
});

test.each(["texts", "", "?", "te?xt", "text??", "toString", undefined])(
  "refuses %j as the type of a column",
  (type) => {
    expect(() => defineTable({ name: "t", columns: { a: type as "text" }, key: ["a"] })).toThrowError(
      expect.objectContaining({ code: "CONFIG_INVALID", message: expect.stringContaining('column "a"') }),
    );
  },
);

test.each([
  ["nothing", undefined, "options"],
  ["null", null, "options"],
  ["an option that is misspelt", { capture: "t_old" }, "`capture`"],
  ["no key", { key: undefined }, "`key`"],
  ["a key that is a text", { key: "a" }, "`key`"],
  ["a key that says a column twice", { key: ["a", "a"] }, '"a" twice in its `key`'],
  ["a partition that says a column twice", { partition: ["a", "a"] }, '"a" twice in its `partition`'],
  ["a partition that may be null", { partition: ["b"] }, '"b"'],
  ["a partition of JSON", { partition: ["c"] }, '"c"'],
  ["captures in the table itself", { captures: "t" }, "`captures`"],
  ["captures without a name", { captures: "" }, '""'],
  ["columns that are a list", { columns: ["a"] }, "`columns`"],
  ["a table without a name", { name: undefined }, "`name`"],
])("refuses %s", (_what, options, named) => {
  const whole = { name: "t", columns: { a: "text", b: "text?", c: "json" }, key: ["a"] } as const;
  const given = options ? { ...whole, ...options } : options;
  expect(() => defineTable(given as typeof whole)).toThrowError(
    expect.objectContaining({ code: "CONFIG_INVALID", message: expect.stringContaining(named) }),
  );
});
