import { expect, test } from "vitest";
import { decimal, fromUnits, toUnits } from "./decimal.ts";

test.each([
  ["120000.500000", "120000.5"],
  ["007.10", "7.1"],
  ["-0.50", "-0.5"],
  ["-0.000", "0"],
  ["+12", "12"],
  ["9007199254740993.000001", "9007199254740993.000001"],
])("decimal(%s) is %s", (text, shortest) => expect(decimal(text)).toBe(shortest));

test.each(["", ".", "1.", ".5", "1e3", "1,000", "NaN", "0x1", " 1", "--1"])("refuses %j", (text) => {
  expect(() => decimal(text)).toThrowError(expect.objectContaining({ category: "VALIDATION" }));
});

test("units are exact both ways", () => {
  expect(toUnits("120000.5", 6)).toBe(120_000_500_000n);
  expect(toUnits("-0.000001", 6)).toBe(-1n);
  for (const text of ["120000.5", "-0.5", "0", "9007199254740993.000001", "1138358.086029"]) {
    expect(fromUnits(toUnits(text, 6), 6)).toBe(text);
  }
  expect(fromUnits(5n, 0)).toBe("5");
  expect(() => toUnits("1.0000001", 6)).toThrowError(/7 decimal places/);
});
