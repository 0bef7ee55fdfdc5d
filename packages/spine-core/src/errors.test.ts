import { describe, expect, test } from "vitest";
import {
  ERROR_CATEGORIES,
  ERRORS,
  QualityError,
  SourceError,
  SpineError,
  TransientError,
  ValidationError,
} from "./errors.ts";

describe("SpineError", () => {
  test("takes category and retryable from the table of codes", () => {
    const error = new SpineError("SOURCE_NOT_FOUND", "no file");
    expect(error).toMatchObject({ code: "SOURCE_NOT_FOUND", category: "SOURCE", retryable: false });
    expect(new SpineError("RATE_LIMITED", "slow down").retryable).toBe(true);
  });

  test("an own code takes its category, and INTERNAL without one", () => {
    expect(new SpineError("FINRA_ODD", "x", { category: "SOURCE" }).category).toBe("SOURCE");
    expect(new SpineError("FINRA_ODD", "x").category).toBe("INTERNAL");
    expect(new SpineError("constructor", "x").category).toBe("INTERNAL");
  });

  test("every code of the table has a known category", () => {
    for (const { category } of Object.values(ERRORS)) expect(ERROR_CATEGORIES).toContain(category);
  });

  test("its stored form holds no text that a database refuses, wherever it stood", () => {
    const odd = "a\0b\ud800";
    const error = new SpineError("STEP_FAILED", odd, {
      context: { path: odd, [odd]: 1 },
      detail: { list: [odd], [odd]: { [odd]: odd } },
      cause: new Error(`${odd}!`),
    });
    const text = JSON.stringify(error.toJSON());
    expect(text).not.toMatch(/\\u0000|\\ud800/);
    const clean = "a\ufffdb\ufffd";
    expect(error.toJSON()).toMatchObject({
      message: clean,
      context: { path: clean, [clean]: 1 },
      detail: { list: [clean], [clean]: { [clean]: clean } },
      cause: `${clean}!`,
    });
    // A cut in the middle of a pair leaves no half.
    expect(new SpineError("X", `x${"😀".repeat(10_000)}`).toJSON().message.isWellFormed()).toBe(true);
  });

  test("withContext returns a copy; what was known first stays", () => {
    const error = new SourceError("bad", { context: { step: "fetch" } });
    const located = error.withContext({ step: "outer", runId: "r1" });
    expect(located.context).toEqual({ step: "fetch", runId: "r1" });
    expect(error.context).toEqual({ step: "fetch" });
    expect(located).toBeInstanceOf(SourceError);
    expect(located.stack).toBe(error.stack);
    expect(located.message).toBe("bad");
  });

  test("is recognised across two copies of the package", async () => {
    // A query makes a second instance of the module, as a second installed copy would be.
    const copy = (await import(/* @vite-ignore */ `./errors.ts?copy=${"2"}`)) as typeof import("./errors.ts");
    const foreign = new copy.SpineError("TRANSIENT", "x");
    expect(foreign).not.toBeInstanceOf(SpineError);
    expect(SpineError.is(foreign)).toBe(true);
    expect(SpineError.is(new Error("x"))).toBe(false);
    expect(SpineError.is(null)).toBe(false);
  });

  test("survives its JSON form, class included", () => {
    for (const error of [
      new ValidationError("v", { detail: { issues: [{ path: "/tier", message: "unknown" }] } }),
      new TransientError("t", { retryAfterMs: 500 }),
      new QualityError("q", { context: { runId: "r" } }),
    ]) {
      const back = SpineError.fromJSON(JSON.parse(JSON.stringify(error)));
      expect(back).toBeInstanceOf(error.constructor);
      expect(back.toJSON()).toEqual(error.toJSON());
      expect(back.name).toBe(error.name);
    }
  });

  test("wraps what is not one of ours and keeps the cause", () => {
    const cause = new TypeError("x is not a function");
    const wrapped = SpineError.from(cause);
    expect(wrapped).toMatchObject({ code: "STEP_FAILED", message: "x is not a function", cause });
    expect(SpineError.from(wrapped)).toBe(wrapped);
    expect(SpineError.from("plain text").message).toBe("plain text");
    expect(String(wrapped)).toBe("[INTERNAL] STEP_FAILED: x is not a function");
  });
});
