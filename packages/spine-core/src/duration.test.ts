import { expect, test } from "vitest";
import { toMs } from "./duration.ts";

test.each([
  [250, 250],
  ["250ms", 250],
  ["1.5s", 1_500],
  ["2m", 120_000],
  ["1h", 3_600_000],
  ["7d", 604_800_000],
] as const)("%s is %i ms", (duration, ms) => expect(toMs(duration)).toBe(ms));

test.each([-1, Number.NaN, Number.POSITIVE_INFINITY, "5", "s", "-3s", "5 s"])("refuses %s", (duration) => {
  expect(() => toMs(duration as number)).toThrowError(expect.objectContaining({ code: "CONFIG_INVALID" }));
});
