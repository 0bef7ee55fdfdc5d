import { describe, expect, it } from "vitest";
import { changeVsPrior } from "./change-vs-prior.ts";
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
import { freshness } from "./freshness.ts";
import type { QualityCheck, QualityResult } from "./quality-check.ts";
import { relationship } from "./relationship.ts";
import { startChecks } from "./run-checks.ts";
import { schema } from "./schema-check.ts";
import { sql } from "./sql-check.ts";

function run(check: QualityCheck, rows: readonly Record<string, unknown>[], rejected = 0): QualityResult {
  const running = startChecks([check], { params: null, rows: rows.length, rejected });
  running.add(rows);
  const [result] = running.finish().results;
  if (!result) throw new Error("no result");
  return result;
}

const column = (name: string, values: readonly unknown[]) => values.map((value) => ({ [name]: value }));

describe("recordCount", () => {
  it.each([
    [{ min: 1 }, 0, "FAIL"],
    [{ min: 1 }, 1, "PASS"],
    [{ max: 2 }, 2, "PASS"],
    [{ max: 2 }, 3, "FAIL"],
    [{ warn: { min: 1 } }, 0, "WARN"],
  ] as const)("%j over %i rows is %s", (bounds, count, status) => {
    const rows = Array.from({ length: count }, () => ({}));
    expect(run(recordCount(bounds), rows)).toMatchObject({ status, actual: count, rowsTested: count });
  });

  it("refuses bounds that nothing fits", () => {
    expect(() => recordCount({ min: 2, max: 1 })).toThrow(/can never pass/);
  });
});

describe("rejectShare", () => {
  const check = rejectShare({ warn: 0.01, fail: 0.1 });
  it.each([
    [100, 0, "PASS", "0 of 100 rows refused (0 %), expected at most 1 %"],
    [99, 1, "PASS", "1 of 100 rows refused (1 %), expected at most 1 %"],
    [98, 2, "WARN", "2 of 100 rows refused (2 %), expected at most 1 %"],
    [27, 3, "WARN", "3 of 30 rows refused (10 %), expected at most 1 %"],
    [26, 4, "FAIL", "4 of 30 rows refused (13.33 %), expected at most 10 %"],
    [1, 5327, "FAIL", "5327 of 5328 rows refused (99.98 %), expected at most 10 %"],
    [4654, 1, "PASS", "1 of 4655 rows refused (0.021 %), expected at most 1 %"],
    [0, 1, "FAIL", "1 of 1 row refused (100 %), expected at most 10 %"],
    [0, 0, "PASS", "0 of 0 rows refused (0 %), expected at most 1 %"],
  ] as const)("%i rows and %i rejects are a %s", (rows, rejected, status, message) => {
    const result = run(
      check,
      Array.from({ length: rows }, () => ({})),
      rejected,
    );
    expect(result).toMatchObject({ status, message, rowsFailed: rejected, rowsTested: rows });
  });

  it("refuses limits that mean nothing", () => {
    for (const limits of [
      { fail: 20 },
      { fail: Number.NaN },
      { warn: 0.3, fail: 0.2 },
      { warn: -1, fail: 1 },
    ]) {
      expect(() => rejectShare(limits)).toThrow(/shares from 0 to 1/);
    }
  });
});

describe("notNull", () => {
  it("fails for null and for a missing column, not for an empty text", () => {
    const result = run(notNull(["a", "b"]), [{ a: "", b: 0 }, { a: null, b: 1 }, { a: "x" }]);
    expect(result).toMatchObject({ status: "FAIL", rowsFailed: 2, rowsTested: 3 });
    expect(result.samples).toEqual(['a missing in {"a":null,"b":1}', 'b missing in {"a":"x"}']);
  });
});

describe("unique", () => {
  it("counts every row after the first of its key, case and type kept apart", () => {
    const rows = column("s", ["BCPC", "BCpC", "1", 1, "BCPC", "BCPC"]);
    expect(run(unique(["s"]), rows)).toMatchObject({ status: "FAIL", rowsFailed: 2 });
  });

  it("takes columns together without gluing them", () => {
    const rows = [
      { a: "x,y", b: "z" },
      { a: "x", b: "y,z" },
    ];
    expect(run(unique(["a", "b"]), rows).status).toBe("PASS");
  });

  it("says that it keeps keys", () => {
    expect([unique(["a"]).memory, notNull(["a"]).memory]).toEqual(["keys", "constant"]);
  });
});

describe("range", () => {
  it("compares decimals as text without losing digits", () => {
    const max = "9007199254740993.000001";
    expect(run(range("v", { max }), column("v", ["9007199254740993.000001"])).status).toBe("PASS");
    // As floats the two are equal.
    expect(run(range("v", { max }), column("v", ["9007199254740993.000002"])).status).toBe("FAIL");
  });

  it("includes its bounds, lets nulls pass, and fails what is no number", () => {
    const values = [0, "0.00", 10, "10.000001", -1, "1e400", Number.NaN, "abc", "", null, undefined, 1e-7];
    const result = run(range("v", { min: 0, max: 10 }), column("v", values));
    expect(result.rowsFailed).toBe(6);
    expect(result.samples).toContain('v is not a number: "abc"');
  });

  it("refuses a bound that is no number", () => {
    expect(() => range("v", { min: "ten" })).toThrow(/not a number/);
  });
});

it("acceptedValues is exact and lets nulls pass", () => {
  expect(run(acceptedValues("t", ["T1", "T2"]), column("t", ["T1", "t1", null, "T2 "]))).toMatchObject({
    status: "FAIL",
    rowsFailed: 2,
    expected: "one of T1, T2",
  });
});

it("matches judges every row alike, even with a global pattern", () => {
  expect(run(matches("t", /a/g), column("t", ["a", "a", "a", null])).status).toBe("PASS");
  expect(run(matches("t", /a/g), column("t", ["b", 7])).rowsFailed).toBe(2);
});

describe("sumTo", () => {
  it("adds exactly", () => {
    expect(run(sumTo("s", 1), column("s", Array(10).fill("0.1")))).toMatchObject({
      status: "PASS",
      actual: "1",
    });
    expect(run(sumTo("s", 1), column("s", Array(10).fill(0.1))).status).toBe("PASS");
  });

  it("has an inclusive tolerance on both sides", () => {
    const of = (sum: string) => run(sumTo("s", 1, 1e-4), column("s", [sum, null])).status;
    expect([of("1.0001"), of("0.9999"), of("1.00010000000001"), of("0.9998")]).toEqual([
      "PASS",
      "PASS",
      "FAIL",
      "FAIL",
    ]);
  });

  it("fails on a value that is no number", () => {
    expect(run(sumTo("s", 1), column("s", [1, "x"]))).toMatchObject({ status: "FAIL", rowsFailed: 1 });
  });
});

describe("thresholds and options", () => {
  const bad = (count: number) => column("v", [...Array(count).fill(-1), 1]);
  const check = range(
    "v",
    { min: 0 },
    { maxFailures: { warn: 1, fail: 3 }, blocking: false, name: "volume" },
  );

  it.each([
    [1, "PASS"],
    [2, "WARN"],
    [3, "WARN"],
    [4, "FAIL"],
  ])("%i failing rows are a %s", (count, status) => {
    expect(run(check, bad(count))).toMatchObject({
      status,
      check: "volume",
      blocking: false,
      rowsFailed: count,
    });
  });

  it("speaks of one row and of several", () => {
    expect(run(check, bad(1)).message).toBe("1 row fails, expected at least 0");
    expect(run(check, bad(2)).message).toBe("2 rows fail, expected at least 0");
    expect(run(recordCount({ min: 1 }), [{}]).message).toBe("1 row, expected at least 1");
  });

  it("can be a check that only warns", () => {
    const warns = satisfies<{ v: number }>("v > 0", (row) => row.v > 0, {
      maxFailures: { fail: Number.POSITIVE_INFINITY },
    });
    expect(run(warns as QualityCheck, bad(5000)).status).toBe("WARN");
    expect(() => satisfies("x", () => true, { maxFailures: { fail: -1 } })).toThrow(/maxFailures/);
  });

  it("makes frozen checks that can be started again", () => {
    const one = unique(["v"]);
    expect(Object.isFrozen(one)).toBe(true);
    expect(run(one, [{ v: 1 }]).status).toBe("PASS");
    expect(run(one, [{ v: 1 }]).status).toBe("PASS");
  });

  it.each([
    ["columns that are none", () => unique("v" as never)],
    ["no column", () => notNull([])],
    ["a column that is a list", () => range(["v"] as never, { min: 0 })],
    ["a bound by another name", () => range("v", { minimum: 0 } as never)],
    ["bounds that nothing is between", () => range("v", { min: 2, max: 1 })],
    ["no bounds", () => recordCount(undefined as never)],
    ["values that are a text", () => acceptedValues("v", "abc" as never)],
    ["no values", () => acceptedValues("v", [])],
    ["a pattern that is a text", () => matches("v", "^a" as never)],
    ["a share that is a text", () => rejectShare({ fail: "0.5" } as never)],
    ["a share by another name", () => rejectShare({ fail: 0.5, wran: 0.1 } as never)],
    ["a tolerance below 0", () => sumTo("v", 1, -1)],
    ["a warning beyond the tolerance", () => sumTo("v", 1, 1, { warn: 2 })],
    ["no rule", () => satisfies("x", undefined as never)],
    ["a count that is always right", () => recordCount({})],
    ["a count with a warning that never comes", () => distinctCount(["v"], { warn: {} })],
    ["a range of any number", () => range("v", {})],
    ["a warning above the failure", () => unique(["v"], { maxFailures: { warn: 5, fail: 1 } })],
    ["a warning that would be a failure before", () => notNull(["v"], { maxFailures: { warn: 5 } })],
    ["a schema of nothing", () => schema(undefined as never)],
    ["a schema that is null", () => schema(null as never)],
  ])("refuses %s", (_what, make) => {
    expect(make).toThrow(expect.objectContaining({ code: "CONFIG_INVALID" }));
  });

  it.each([
    (options: never) => recordCount({ min: 1 }, options),
    (options: never) => rejectShare({ fail: 1 }, options),
    (options: never) => notNull(["v"], options),
    (options: never) => unique(["v"], options),
    (options: never) => range("v", { min: 1 }, options),
    (options: never) => acceptedValues("v", ["a"], options),
    (options: never) => matches("v", /a/, options),
    (options: never) => satisfies("v", () => true, options),
    (options: never) => sumTo("v", 1, 0, options),
    (options: never) => distinctCount(["v"], { min: 1 }, options),
    (options: never) => schema({ v: "text" }, options),
    (options: never) => changeVsPrior("rows", { fail: 1 }, options),
    (options: never) => freshness("v", { maxAge: "1d" }, options),
    (options: never) => relationship(["v"], { in: "t" }, options),
    (options: never) => sql("v", () => 0, options),
  ])("refuses options that are null: %s", (make) => {
    expect(() => make(null as never)).toThrow(expect.objectContaining({ code: "CONFIG_INVALID" }));
  });

  it("lets nothing through that is no verdict", () => {
    const own = (said: unknown) =>
      ({ ...recordCount({ min: 0 }), start: () => ({ add: () => {}, finish: () => said }) }) as QualityCheck;
    for (const said of [
      { status: "fail", message: "no" },
      { status: "FAIL" },
      Promise.resolve({ status: "FAIL", message: "no" }),
      false,
    ])
      expect(run(own(said), [{}])).toMatchObject({ status: "ERROR", blocking: true });
    const later = satisfies("later", (async () => false) as never);
    expect(run(later as QualityCheck, [{}])).toMatchObject({
      status: "ERROR",
      message: expect.stringContaining("promise"),
    });
  });
});
