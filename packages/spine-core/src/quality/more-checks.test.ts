import { describe, expect, it } from "vitest";
import type { ColumnBlock } from "../data/column-block.ts";
import { changeVsPrior } from "./change-vs-prior.ts";
import { quantityIn } from "./check-texts.ts";
import {
  acceptedValues,
  distinctCount,
  matches,
  notNull,
  range,
  recordCount,
  rejectShare,
  satisfies,
  sumTo,
  unique,
} from "./checks.ts";
import { addExact, compareExact, type ExactNumber, exactNumber } from "./exact-number.ts";
import { exactSum } from "./exact-sum.ts";
import { freshness } from "./freshness.ts";
import type { QualityCheck, QualityInput, QualityResult } from "./quality-check.ts";
import { relationship } from "./relationship.ts";
import { startChecks } from "./run-checks.ts";
import { schema } from "./schema-check.ts";
import { sql } from "./sql-check.ts";

type Rows = readonly Readonly<Record<string, unknown>>[];

const NOW = Date.parse("2025-01-10T00:00:00Z");
const inputOf = (rows: Rows): QualityInput => ({ params: null, rows: rows.length, rejected: 0, now: NOW });

function run(check: QualityCheck, rows: Rows, input: Partial<QualityInput> = {}): QualityResult {
  const running = startChecks([check], { ...inputOf(rows), ...input });
  running.add(rows);
  const [result] = running.finish().results;
  if (!result) throw new Error("no result");
  return result;
}
const column = (name: string, values: readonly unknown[]): Rows => values.map((value) => ({ [name]: value }));

describe("freshness", () => {
  const check = freshness("at", { maxAge: "5d", warnAge: "2d" });
  it.each([
    [["2025-01-08"], "PASS"],
    [["2025-01-07T23:59:59Z"], "WARN"],
    [["2024-01-01", "2025-01-09T12:00:00+02:00", null], "PASS"],
    [["2025-01-05"], "WARN"],
    [["2025-01-04 23:59"], "FAIL"],
    [[null, undefined], "FAIL"],
    [["2025-01-09", "2025-02-31"], "FAIL"],
    [["2025-01-09", 20_250_109], "FAIL"],
  ] as const)("%j is %s", (values, status) => {
    expect(run(check, column("at", values)).status).toBe(status);
  });

  it("says what the newest is, and how old", () => {
    expect(run(check, column("at", ["2025-01-01", "2025-01-07", "2024-12-31"]))).toMatchObject({
      actual: "2025-01-07T00:00:00.000Z",
      message: "the newest is of 2025-01-07T00:00:00.000Z, 3 d old, expected at most 2 d old",
    });
  });

  it("is skipped without rows, and refuses limits that mean nothing", () => {
    expect(run(check, []).status).toBe("SKIPPED");
    expect(() => freshness("at", { maxAge: "1d", warnAge: "2d" })).toThrow(/not above/);
    expect(() => freshness("at", { maxAge: "soon" as "1d" })).toThrow(/maxAge/);
    expect(() => freshness("at", { maxAge: "1d", most: 1 } as never)).toThrow(/`most` is no option/);
  });
});

describe("schema", () => {
  const rows = [
    { symbol: "A", shares: "1.5", note: null },
    { symbol: "B", shares: 2, extra: true },
  ];
  it("compares the columns that there are, as types of columns or of JSON", () => {
    expect(run(schema({ symbol: "text", shares: "decimal", note: "text?" }), rows).status).toBe("PASS");
    expect(run(schema({ symbol: "string", shares: ["string", "number"] }), rows).status).toBe("PASS");
    expect(run(schema({ symbol: "integer", note: "text", missing: "text" }), rows)).toMatchObject({
      status: "FAIL",
      actual: 3,
      samples: [
        "symbol holds string, expected number",
        "note holds null, expected string",
        "missing is missing",
      ],
    });
  });

  it("refuses others when it is exact, and believes the dataset's own schema", () => {
    const exact = schema({ symbol: "text", shares: "decimal", note: "text?" }, { exact: true });
    expect(run(exact, rows)).toMatchObject({ status: "FAIL", message: "extra is not expected" });
    const known = { symbol: ["string"], shares: ["number"], note: ["null"] } as const;
    expect(run(exact, rows, { schema: known }).status).toBe("PASS");
  });

  it("is skipped without rows, and refuses a type that does not exist", () => {
    expect(run(schema({ a: "text" }), []).status).toBe("SKIPPED");
    expect(() => schema({ a: "varchar" as "text" })).toThrow(/"varchar" of "a" is no type/);
    expect(() => schema({ a: ["text" as "string"] })).toThrow(/no type of JSON/);
  });
});

it("distinctCount leaves rows with a null out, and warns before it fails", () => {
  const rows = column("s", ["a", "b", "a", null, 1, "1"]);
  const check = distinctCount(["s"], { min: 2, warn: { min: 5 } });
  expect(run(check, rows)).toMatchObject({ status: "WARN", actual: 4, expected: "at least 5" });
  expect(run(check, column("s", ["a"]))).toMatchObject({ status: "FAIL", expected: "at least 2" });
  expect(() => distinctCount(["s"], { min: 3, max: 2 })).toThrow(/can never pass/);
});

it("recordCount and sumTo warn before they fail", () => {
  const check = recordCount({ min: 1, warn: { min: 3 } });
  expect([1, 2, 3].map((n) => run(check, column("a", Array(n).fill(1))).status)).toEqual([
    "WARN",
    "WARN",
    "PASS",
  ]);
  const sum = sumTo("a", 10, 2, { warn: 1 });
  expect([10, 11, 12, 13].map((n) => run(sum, column("a", [n])).status)).toEqual([
    "PASS",
    "PASS",
    "WARN",
    "FAIL",
  ]);
});

it("a check whose `when` says no is SKIPPED and sees no row", () => {
  const check = satisfies("never", () => false, { when: ({ rows }) => rows > 5 });
  expect(run(check as QualityCheck, column("a", [1]))).toMatchObject({ status: "SKIPPED", rowsTested: 0 });
  expect(run(check as QualityCheck, column("a", [1, 2, 3, 4, 5, 6])).status).toBe("FAIL");
});

it("options that do not exist are refused by name", () => {
  expect(() => unique(["a"], { bloking: false } as never)).toThrow(/`bloking` is no option/);
  expect(() => recordCount({ min: 1, mx: 2 } as never)).toThrow(/`mx` is no option/);
  expect(() => changeVsPrior("rows", {})).toThrow(/needs a limit/);
  expect(() => changeVsPrior("bytes" as "rows", { fail: 1 })).toThrow(/changeVsPrior compares/);
  expect(() => relationship(["a"], { in: "t", columns: ["b", "c"] })).toThrow(/as many columns/);
  expect(() => sql("", () => 0)).toThrow(/name/);
});

/** Everything that can stand in a cell, also what only looks like a number. */
const CELLS: readonly unknown[] = [
  null,
  undefined,
  "",
  "a",
  "b",
  "1",
  1,
  true,
  "-1.50",
  "9007199254740993.000001",
  "9007199254740993.000002",
  9007199254740991,
  0.1,
  "0.1",
  "1e3",
  "-0",
  "007.10",
  "123456789012345",
  "1234567890123456",
  ".5",
  "5.",
  "--1",
  " 1",
  "0x10",
  "\0",
  { k: 1 },
  [1],
];

function blockOf(rows: Rows): ColumnBlock {
  const keys = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  return { keys, rows: rows.length, values: (position) => rows.map((row) => row[keys[position] as string]) };
}

const EVERY: readonly QualityCheck<never>[] = [
  recordCount({ min: 1_000 }),
  rejectShare({ fail: 0.1 }),
  notNull(["a", "b", "nowhere"]),
  range("a", { min: -1.5, max: "9007199254740993.000001" }),
  acceptedValues("a", ["a", "1", 1]),
  matches("b", /^[ab1]$/),
  sumTo("a", "0.3"),
  unique(["a"]),
  unique(["a", "b"]),
  distinctCount(["a"], { max: 3 }),
  satisfies("a", (row: { readonly a: unknown }) => row.a !== "b"),
  freshness("b", { maxAge: "1d" }),
  schema({ a: "text" }),
];
const random = (seed: number) => {
  let state = seed;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return state / 2_147_483_648;
  };
};
function someRows(seed: number, count: number): Rows {
  const next = random(seed);
  const cell = () => CELLS[Math.floor(next() * CELLS.length)];
  return Array.from({ length: count }, () => ({ a: cell(), b: cell() }));
}

describe.each([1, 2, 3, 4, 5])("random rows %i", (seed) => {
  const rows = someRows(seed, 200);
  const start = () => startChecks(EVERY as readonly QualityCheck[], inputOf(rows));
  const whole = start();
  whole.add(rows);
  const { results } = whole.finish();

  it("are judged alike by rows and by columns", () => {
    const byColumns = start();
    for (let from = 0; from < rows.length; from += 37)
      byColumns.addColumns(blockOf(rows.slice(from, from + 37)));
    expect(byColumns.finish().results).toEqual(results);
  });

  it("are judged alike by checks that go on where others were saved", () => {
    const checks = EVERY as readonly QualityCheck[];
    let running = startChecks(checks, inputOf(rows));
    for (let from = 0; from < rows.length; from += 37) {
      running.add(rows.slice(from, from + 37));
      const saved = running.save();
      expect(saved).not.toBeNull();
      running = startChecks(checks, inputOf(rows));
      running.restore(JSON.parse(JSON.stringify(saved)));
    }
    expect(running.finish().results).toEqual(results);
  });
});

const ownCheck: QualityCheck<object> = {
  name: "own",
  category: "BUSINESS_RULE",
  blocking: true,
  memory: "constant",
  start: () => ({ add() {}, finish: () => ({ status: "PASS", message: "fine" }) }),
};

it("what cannot be saved says so", () => {
  const running = startChecks([recordCount({ min: 1 }), ownCheck], inputOf([]));
  expect(running.save()).toBeNull();
});

it("the fast ways to compare and to add say what exact numbers say", () => {
  const bounds = CELLS.flatMap((cell) => exactNumber(cell) ?? []);
  for (const min of bounds) {
    for (const cell of CELLS) {
      const number = exactNumber(cell);
      const exact =
        cell === null || cell === undefined || (number !== undefined && compareExact(number, min) >= 0);
      expect([cell, min, quantityIn(min, null)(cell)]).toEqual([cell, min, exact]);
    }
  }
  const long = Array.from(
    { length: 50_000 },
    (_, at) => ["999999999999999", -7, "-0.123456789", "0.5", 1e15, "12345678901.23456"][at % 6],
  );
  const sum = exactSum("v");
  let wanted: ExactNumber = { units: 0n, scale: 0 };
  for (const v of long) {
    sum.add({ v });
    wanted = addExact(wanted, exactNumber(v) ?? { units: 0n, scale: 0 });
  }
  expect(compareExact(sum.result().total, wanted)).toBe(0);
});
