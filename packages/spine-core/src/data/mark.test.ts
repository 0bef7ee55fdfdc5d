import fc from "fast-check";
import { expect, test } from "vitest";
import { before, type Lag, type MarkValue, markOf } from "./mark.ts";

const positions = (values: readonly MarkValue[]) => values.map((value) => markOf(value)?.position ?? "");

test.each([
  [
    "numbers",
    [
      -1e21,
      "-12.5",
      -12,
      "-1.55",
      "-1.5",
      0,
      "0.0000001",
      1e-3,
      "9",
      10,
      "10.5",
      "10.55",
      2 ** 53,
      "9007199254740993",
      1e21,
      "1000000000000000000000.1",
    ],
  ],
  ["dates", ["0999-12-31", "2024-02-29", "2024-03-01", "2025-01-01"]],
  [
    "times",
    [
      "2025-01-01T00:00:00+01:00",
      "2024-12-31T23:00:00.000001Z",
      "2025-01-01T00:00Z",
      "2025-01-01 00:00:00.5+00",
      "2025-01-01T00:00:00.51Z",
    ],
  ],
  ["local times", ["2025-01-01T00:00:00", "2025-01-01 00:00:00.123456", "2025-01-01T00:00:01"]],
] as readonly (readonly [string, readonly MarkValue[]])[])("%s are in their order", (_, values) => {
  const all = positions(values);
  expect(new Set(all).size).toBe(values.length);
  expect([...all].sort()).toEqual(all);
});

test.each([
  [1, "1.0", "+1", "01.000"],
  [0, "-0", "0.00", -0],
  ["2025-01-01T10:00:00+01:00", "2025-01-01T09:00:00Z", "2025-01-01 09:00:00.000+00", "2025-01-01T09:00Z"],
])("%j and its other spellings are one place", (...values) => {
  expect(new Set(positions(values as MarkValue[])).size).toBe(1);
});

test.each([
  null,
  undefined,
  "",
  "x",
  "1,000",
  "1e3",
  Number.NaN,
  Number.POSITIVE_INFINITY,
  true,
  {},
  "2025-02-30",
  "2025-13-01",
  "2025-01-01T25:00:00Z",
  "10000-01-01",
])("%j has no place", (value) => expect(markOf(value)).toBeUndefined());

test("texts compare by code points where that is asked for", () => {
  expect(markOf("01J-x", true)).toMatchObject({ kind: "text" });
  expect(markOf(5, true)).toBeUndefined();
});

test("decimals sort as numbers do, whatever their lengths", () => {
  const decimals = fc
    .tuple(fc.boolean(), fc.bigInt({ min: 0n, max: 10n ** 30n }), fc.nat(12))
    .map(([negative, digits, scale]) => {
      const text = digits.toString().padStart(scale + 1, "0");
      const whole = text.slice(0, text.length - scale);
      return {
        text: `${negative ? "-" : ""}${whole}${scale > 0 ? `.${text.slice(-scale)}` : ""}`,
        units: (negative ? -1n : 1n) * digits * 10n ** BigInt(12 - scale),
      };
    });
  fc.assert(
    fc.property(decimals, decimals, (a, b) => {
      const [left = "", right = ""] = positions([a.text, b.text]);
      const expected = a.units < b.units ? -1 : a.units > b.units ? 1 : 0;
      expect(left < right ? -1 : left > right ? 1 : 0).toBe(expected);
    }),
    { numRuns: 2_000 },
  );
});

test.each([
  [10, 3, 7],
  ["10.5", "0.25", "10.25"],
  [1, "0.5", 0.5],
  ["0.1", 0.3, "-0.2"],
  ["2025-03-01", "1d", "2025-02-28"],
  ["2025-03-01", "1h", "2025-02-28"],
  ["2025-01-01T00:00:00.123456Z", "1s", "2024-12-31T23:59:59.123456Z"],
  ["2025-01-01 00:00:00", "30m", "2024-12-31T23:30:00.000"],
] as readonly (readonly [MarkValue, Lag, MarkValue])[])("%j less %j is %j", (value, lag, expected) => {
  const mark = markOf(value);
  expect(mark && before(mark, lag).value).toBe(expected);
});

test.each([
  [10, "1h"],
  ["2025-03-01", "x"],
] as readonly (readonly [MarkValue, Lag])[])("%j less %j is refused", (value, lag) => {
  const mark = markOf(value);
  expect(() => mark && before(mark, lag)).toThrowError(expect.objectContaining({ code: "CONFIG_INVALID" }));
});
