import { expect, it } from "vitest";
import { encodeJson } from "../json.ts";
import { notNull, range, recordCount } from "./checks.ts";
import type { QualityAccumulator, QualityCheck } from "./quality-check.ts";
import { startChecks } from "./run-checks.ts";

const start = (checks: readonly QualityCheck[]) =>
  startChecks(checks, { params: null, rows: 0, rejected: 0 });

function custom(start: () => QualityAccumulator<never>, blocking = true): QualityCheck {
  return { name: "custom", category: "BUSINESS_RULE", blocking, memory: "constant", start };
}

const boom = () => {
  throw new Error("boom");
};

it("shows every row to every check and reports in their order", () => {
  const running = start([recordCount({ min: 3 }), range("v", { min: 0 })]);
  running.add([{ v: 1 }, { v: 2 }]);
  running.add([]);
  running.add([{ v: 3 }]);
  const report = running.finish();
  expect(report.passed).toBe(true);
  expect(report.results.map(({ check, rowsTested }) => [check, rowsTested])).toEqual([
    ["recordCount", 3],
    ["range(v)", 3],
  ]);
});

it("passes when only checks that do not block fail, or when there are none", () => {
  const rows = [{ v: -1 }];
  const soft = start([range("v", { min: 0 }, { blocking: false })]);
  soft.add(rows);
  expect(soft.finish()).toMatchObject({ passed: true, results: [{ status: "FAIL" }] });
  const hard = start([range("v", { min: 0 })]);
  hard.add(rows);
  expect(hard.finish().passed).toBe(false);
  expect(start([]).finish()).toEqual({ passed: true, results: [] });
});

it.each([
  ["start", custom(boom), 0],
  ["add", custom(() => ({ add: boom, finish: () => ({ status: "PASS", message: "" }) })), 0],
  ["finish", custom(() => ({ add: () => {}, finish: boom })), 2],
])("reports a crash in %s as ERROR and leaves the other checks alone", (_where, crashing, rowsTested) => {
  const running = start([crashing, recordCount({ min: 2 })]);
  running.add([{ v: 1 }, { v: 2 }]);
  const report = running.finish();
  expect(report.passed).toBe(false);
  expect(report.results[0]).toMatchObject({
    status: "ERROR",
    message: "the check itself crashed: boom",
    rowsTested,
  });
  expect(report.results[1]).toMatchObject({ status: "PASS", rowsTested: 2 });
});

it("does not stop for a crash of a check that does not block", () => {
  const report = start([custom(boom, false)]).finish();
  expect(report).toMatchObject({ passed: true, results: [{ status: "ERROR" }] });
});

it("counts the rows before a crash", () => {
  let seen = 0;
  const third = custom(() => ({
    add: () => {
      seen += 1;
      if (seen === 3) boom();
    },
    finish: () => ({ status: "PASS", message: "" }),
  }));
  const running = start([third]);
  running.add([{}, {}, {}, {}, {}]);
  running.add([{}]);
  expect(running.finish().results[0]).toMatchObject({ status: "ERROR", rowsTested: 2 });
  expect(seen).toBe(3);
});

it("keeps 20 samples at most, and what every database can store", () => {
  const running = start([
    notNull(["v"]),
    custom(() => ({
      add: () => {},
      finish: () => ({
        status: "WARN",
        message: `\0\ud800${"x".repeat(10_000)}`,
        actual: Number.NaN,
        samples: Array(50).fill("\0"),
      }),
    })),
  ]);
  running.add(Array.from({ length: 100 }, () => ({ v: null })));
  const report = running.finish();
  expect(report.results.map(({ samples }) => samples.length)).toEqual([20, 20]);
  expect(report.results[0]?.rowsFailed).toBe(100);
  expect(report.results[1]?.actual).toBe("NaN");
  expect(() => encodeJson(report, "report")).not.toThrow();
  expect(report.results[1]?.message.length).toBeLessThan(600);
});
