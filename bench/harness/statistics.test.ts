import { expect, test } from "vitest";
import { median, medians, percentile } from "./statistics.ts";

test("the median is the middle value, or the mean of two", () => {
  expect(median([3, 1, 2])).toBe(2);
  expect(median([4, 1, 3, 2])).toBe(2.5);
});

test("a percentile is a value that was measured", () => {
  const values = Array.from({ length: 100 }, (_, index) => index + 1);
  expect(percentile(values, 50)).toBe(50);
  expect(percentile(values, 99)).toBe(99);
  expect(percentile([7], 99)).toBe(7);
});

test("figures are taken one by one, and only where every round has them", () => {
  expect(medians([{ a: 1, b: 1 }, { a: 3 }, { a: 2 }])).toEqual({ a: 2 });
});
