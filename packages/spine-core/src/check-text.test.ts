import { describe, expect, test } from "vitest";
import { checkText } from "./check-text.ts";
import { checkMetric } from "./history/check-metric.ts";
import { checkPartition } from "./history/check-partition.ts";

describe("checkText", () => {
  test("gives back what databases can hold", () => {
    for (const text of ["", "a", "😀", "x".repeat(10)]) expect(checkText(text, "The key", 10)).toBe(text);
  });

  test.each([
    ["x".repeat(11), /^The key has 11 characters, the limit is 10/],
    ["a\0", /^The key holds a NUL/],
    ["a\ud800", /^The key holds half/],
    [7, /^The key is no text/],
    [null, /^The key is no text but null/],
  ])("refuses %j and names the field", (value, says) => {
    expect(() => checkText(value, "The key", 10)).toThrowError(
      expect.objectContaining({ code: "VALIDATION_FAILED", message: expect.stringMatching(says) }),
    );
  });
});

test.each([
  [{ week: "a\0" }, /"week" of the partition of x holds a NUL/],
  [{ week: "\ud800" }, /"week"/],
  [{ "\ud800": "x" }, /A name in the partition of x/],
  [{ week: 7 as never }, /"week" of the partition of x is no text/],
  [{ a: "x".repeat(600), b: "x".repeat(600) }, /The text of the partition of x has 1205/],
  [{ a: "é".repeat(400) }, /limit is 1000/],
])("checkPartition refuses what no index holds", (partition, says) => {
  expect(() => checkPartition(partition, "of x")).toThrowError(says);
  expect(checkPartition({ week: "w" }, "of x")).toEqual({ week: "w" });
});

test.each([
  ["n".repeat(201), 1],
  ["a\0", 1],
  ["n", "x".repeat(5_000)],
  ["n", "a\ud800"],
  ["n", Number.NaN],
  ["n", {} as never],
])("checkMetric refuses %j: %j", (name, value) => {
  expect(() => checkMetric(name, value, "of x")).toThrowError(
    expect.objectContaining({ code: "PAYLOAD_INVALID", message: expect.stringContaining("of x") }),
  );
});
