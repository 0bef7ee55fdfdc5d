import { expect, test } from "vitest";
import { defineTable } from "../data/table.ts";
import { definePartitions, type PartitionsOptions } from "./define-partitions.ts";
import { expectedPartitions, isOfGrid } from "./expected.ts";
import { partitionsOf } from "./partitions.ts";
import { daily, monthly, weekly } from "./period.ts";

const NOW = Date.parse("2026-02-01T12:00:00Z");
const keys = (options: Omit<PartitionsOptions, "table">, range: { from?: string; to?: string } = {}) =>
  [...expectedPartitions(definePartitions({ table: "t", ...options }), range, NOW)].map(
    ({ key, start, end, dueAt }) => `${key} ${start} ${end} ${dueAt.slice(0, 10)}`,
  );

test("weeks begin on their weekday, from the first one that begins on `from` or later, by time and then by list", () => {
  const dimensions = { week_start: weekly({ from: "2026-01-06" }), tier: ["T2", "T1"] };
  expect(keys({ dimensions, delay: "14d" }, { to: "2026-01-19" })).toEqual([
    "tier=T2/week_start=2026-01-12 2026-01-12 2026-01-18 2026-02-02",
    "tier=T1/week_start=2026-01-12 2026-01-12 2026-01-18 2026-02-02",
    "tier=T2/week_start=2026-01-19 2026-01-19 2026-01-25 2026-02-09",
    "tier=T1/week_start=2026-01-19 2026-01-19 2026-01-25 2026-02-09",
  ]);
  for (const [starts, first] of [
    ["sunday", "2026-01-11"],
    ["thursday", "2026-01-08"],
    ["friday", "2026-01-09"],
  ] as const)
    expect(keys({ dimensions: { w: weekly({ from: "2026-01-06", starts }) } })[0]).toContain(`w=${first}`);
});

test("months are as long as they are, and are called by their last day if so wished", () => {
  const ended = keys({ dimensions: { m: monthly({ from: "2025-11-02", named: "end" }) } });
  expect(ended).toEqual([
    "m=2025-12-31 2025-12-01 2025-12-31 2026-01-01",
    "m=2026-01-31 2026-01-01 2026-01-31 2026-02-01",
    "m=2026-02-28 2026-02-01 2026-02-28 2026-03-01",
  ]);
  const one = { from: "1969-01-31", to: "1969-03-01" };
  expect(keys({ dimensions: { m: monthly(one) } })).toEqual([
    "m=1969-02-01 1969-02-01 1969-02-28 1969-03-01",
    "m=1969-03-01 1969-03-01 1969-03-31 1969-04-01",
  ]);
});

test("a calendar leaves out periods without a day of business, and moves what would be due on one to the next", () => {
  const isOpen = (date: string) => ![0, 6].includes(new Date(date).getUTCDay()) && date !== "2026-01-08";
  const days = { day: daily({ from: "2026-01-07", to: "2026-01-12", calendar: isOpen }) };
  expect(keys({ dimensions: days })).toEqual([
    "day=2026-01-07 2026-01-07 2026-01-07 2026-01-09",
    "day=2026-01-09 2026-01-09 2026-01-09 2026-01-12",
    "day=2026-01-12 2026-01-12 2026-01-12 2026-01-13",
  ]);
  const never = { day: daily({ from: "2026-01-07", calendar: (date) => date === "2026-01-07" }) };
  expect(() => keys({ dimensions: never })).toThrow("no day of business within");
});

test("the delay may depend on the partition; a range keeps to what begins in it", () => {
  const dimensions = { day: daily({ from: "2026-01-01" }), tier: ["T1", "OTCE"] };
  const delay = ({ tier }: { tier?: string }) => (tier === "T1" ? "14d" : "28d") as "14d" | "28d";
  expect(keys({ dimensions, delay }, { from: "2026-01-03", to: "2026-01-03" })).toEqual([
    "day=2026-01-03/tier=T1 2026-01-03 2026-01-03 2026-01-18",
    "day=2026-01-03/tier=OTCE 2026-01-03 2026-01-03 2026-02-01",
  ]);
  expect(keys({ dimensions }, { from: "2026-01-04", to: "2026-01-03" })).toEqual([]);
});

test.each([
  [{ dimensions: { tier: ["T1"] } }, "has 0 dimensions that are a time"],
  [
    { dimensions: { a: daily({ from: "2026-01-01" }), b: daily({ from: "2026-01-01" }) } },
    "has 2 dimensions that are a time",
  ],
  [{ dimensions: { d: daily({ from: "2026-01-01" }), tier: ["T1", "T1"] } }, "no list of different texts"],
  [{ dimensions: { d: daily({ from: "2026-01-01" }), tier: [] } }, "no list of different texts"],
  [{ dimensions: { d: daily({ from: "2026-01-01" }) }, delay: "soon" }, "not a duration"],
  [{ dimensions: { d: daily({ from: "2026-01-01" }) }, table: "" }, "needs the name of a table"],
  [{ dimensions: { d: daily({ from: "2026-01-01" }) }, dely: "1d" }, "`dely` is no option"],
])("refuses %j", (options, why) => {
  const define = () => definePartitions({ table: "t", ...options } as PartitionsOptions);
  expect(define).toThrow(expect.objectContaining({ code: "CONFIG_INVALID" }) as Error);
  expect(define).toThrow(why);
});

test("a date that does not exist is refused, and an option too", () => {
  expect(() => daily({ from: "2026-02-30" })).toThrow("use a date such as");
  expect(() => weekly({ from: "2026-01-01", start: "monday" } as never)).toThrow("`start` is no option");
  expect(() => keys({ dimensions: { d: daily({ from: "2026-01-01" }) } }, { from: "1 May" })).toThrow(
    "The `from` of a range",
  );
});

test("what is no set of partitions is refused wherever one is asked for, and a range that is none", async () => {
  const partitions = partitionsOf({} as never, { now: () => NOW } as never);
  const refused = expect.objectContaining({ code: "VALIDATION_FAILED" }) as Error;
  for (const none of [undefined, {}, "t"] as never[]) {
    expect(() => partitions.expected(none, {})).toThrow(refused);
    await expect(partitions.window(none, {})).rejects.toThrow(refused);
    await expect(partitions.doctor(none)).rejects.toThrow(refused);
  }
  const set = definePartitions({ table: "t", dimensions: { day: daily({ from: "2026-01-01" }) } });
  for (const range of [undefined, { form: "2026-01-01" }] as never[])
    expect(() => partitions.expected(set, range)).toThrow(refused);
});

const isWeekday = (date: string) => ![0, 6].includes(new Date(date).getUTCDay());
const bounds = { from: "2025-12-10", to: "2026-03-20" };
test.each([
  ["daily", daily({ ...bounds, calendar: isWeekday })],
  ["weekly", weekly(bounds)],
  ["weekly, by its end", weekly({ ...bounds, named: "end", calendar: (date) => date !== "2026-01-05" })],
  ["monthly", monthly(bounds)],
  ["monthly, by its end", monthly({ ...bounds, named: "end" })],
])("a partition is one of the grid if the grid has it, and no other: %s", (_name, period) => {
  const set = definePartitions({ table: "t", dimensions: { p: period, tier: ["T1"] } });
  const all = new Set(
    [...expectedPartitions(set, { to: "2026-12-31" }, NOW)].map(({ partition }) => partition.p),
  );
  expect(all.size).toBeGreaterThan(2);
  for (let day = Date.parse("2025-11-01"); day < Date.parse("2026-05-01"); day += 86_400_000) {
    const p = new Date(day).toISOString().slice(0, 10);
    expect(isOfGrid(set, { p, tier: "T1" }), p).toBe(all.has(p));
    expect(isOfGrid(set, { p, tier: "T2" }), p).toBe(false);
  }
  for (const p of ["", "2026-02-31", "x"]) expect(isOfGrid(set, { p, tier: "T1" })).toBe(false);
});

test("dimensions are the partition columns of the table", () => {
  const columns = { day: "date", tier: "text", id: "text" } as const;
  const table = defineTable({ name: "t", columns, key: ["id"], partition: ["day", "tier"] });
  const day = daily({ from: "2026-01-01" });
  const tier = ["T1"];
  expect(definePartitions({ table, dimensions: { tier, day } }).table).toBe("t");
  const none = defineTable({ name: "t", columns, key: ["id"] });
  for (const [into, dimensions] of [
    [table, { day }],
    [table, { day, shop: tier }],
    [table, { day, tier, id: ["1"] }],
    [none, { day }],
  ] as const)
    expect(() => definePartitions({ table: into, dimensions })).toThrow(
      expect.objectContaining({ code: "CONFIG_INVALID", message: expect.stringContaining('table "t"') }),
    );
});
