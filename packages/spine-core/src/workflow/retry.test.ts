import { expect, test } from "vitest";
import { SourceError, SpineError, TransientError } from "../errors.ts";
import { retryDelay } from "./retry.ts";

test("only retryable errors are tried again, up to the number of attempts", () => {
  const transient = new TransientError("x");
  expect(retryDelay(null, transient, 1, 0)).toBe(500);
  expect(retryDelay(null, transient, 2, 0)).toBe(1_000);
  expect(retryDelay(null, transient, 3, 0)).toBeNull();
  expect(retryDelay({ attempts: 9 }, new SourceError("x"), 1, 0)).toBeNull();
  expect(retryDelay({ attempts: 1 }, transient, 1, 0)).toBeNull();
});

test("the wait doubles, has a cap, jitters between half and whole, and respects Retry-After", () => {
  const policy = { attempts: 20, delay: "100ms", maxDelay: "1s" } as const;
  const transient = new TransientError("x");
  expect([1, 2, 3, 4, 5, 9].map((failures) => retryDelay(policy, transient, failures, 0.999_999))).toEqual([
    100, 200, 400, 800, 1_000, 1_000,
  ]);
  expect(retryDelay(policy, transient, 1, 0)).toBe(50);
  expect(retryDelay(policy, new SpineError("RATE_LIMITED", "x", { retryAfterMs: 7_000 }), 1, 0)).toBe(7_000);
});
