import { describe, expect, test } from "vitest";
import { canonicalJson, decodeJson, encodeJson } from "./json.ts";

const cycle: Record<string, unknown> = { a: [] };
(cycle.a as unknown[]).push(cycle);
const deep = JSON.parse(`${"[".repeat(65)}${"]".repeat(65)}`) as unknown;

describe("encodeJson", () => {
  test.each([
    ["NaN", { a: { b: Number.NaN } }, "a.b"],
    ["infinity", [1, Number.POSITIVE_INFINITY], "1"],
    ["BigInt", { n: 1n }, "n"],
    ["function", { f: () => 1 }, "f"],
    ["symbol", { s: Symbol("x") }, "s"],
    ["an invalid date", { at: { end: new Date(Number.NaN) } }, "at.end"],
    ["an invalid date that is all", new Date("soon"), ""],
    ["cycle", cycle, "a.0"],
    ["NUL", { t: "a\0b" }, "t"],
    ["lone surrogate", { t: "\ud800" }, "t"],
    ["a NUL key", { "a\0": 1 }, "a\0"],
    ["depth", deep, "0.0.0.0.0.0.0.0"],
  ])("refuses %s and names the path", (_name, value, path) => {
    expect(() => encodeJson(value, 'the output of step "x"')).toThrowError(
      expect.objectContaining({
        code: "PAYLOAD_INVALID",
        category: "VALIDATION",
        detail: expect.objectContaining({ path }),
      }),
    );
  });

  test("refuses what is longer than the limit", () => {
    expect(() => encodeJson("x".repeat(2_000_000), "the output")).toThrowError(/2000002 characters.*dataset/);
  });

  const endless = (): object => ({ toJSON: endless });
  const sparse: number[] = [];
  sparse[2 ** 31] = 1;
  let shared: unknown = "x".repeat(100);
  for (let level = 0; level < 40; level++) shared = [shared, shared];
  test.each([
    ["a huge array of long texts", Array.from({ length: 100_000 }, () => "x".repeat(1_000_000)), /limit is/],
    ["an array of holes", { a: [sparse] }, /limit is/],
    ["a small value that is there very often", shared, /limit is/],
    ["a toJSON without end", { a: { toJSON: endless } }, /toJSON.* at a/],
    [
      "a huge record",
      Object.fromEntries(Array.from({ length: 300_000 }, (_, n) => [`k${n}`, n])),
      /limit is/,
    ],
  ])("refuses %s at once", (_name, value, says) => {
    const before = performance.now();
    expect(() => encodeJson(value, "it")).toThrowError(
      expect.objectContaining({ code: "PAYLOAD_INVALID", message: expect.stringMatching(says) }),
    );
    // Written out, any of them would take minutes, or never end; how busy the machine is does not matter.
    expect(performance.now() - before).toBeLessThan(20_000);
  });

  test("takes what just fits, and nothing longer", () => {
    const limits = { maxDepth: 64, maxLength: 0 };
    for (const value of [
      [],
      [1, 2],
      ["a", null, true, undefined],
      {},
      { a: 1, b: undefined, c: [{}] },
      "é",
      7,
    ]) {
      const text = JSON.stringify(value);
      expect(encodeJson(value, "it", { ...limits, maxLength: text.length })).toBe(text);
      expect(() => encodeJson(value, "it", { ...limits, maxLength: text.length - 1 })).toThrowError(/limit/);
    }
  });

  test("asks each getter once: what was checked is what is written", () => {
    let asked = 0;
    const value = {
      get text() {
        asked += 1;
        return asked === 1 ? "fine" : "a\0b";
      },
    };
    expect(encodeJson(value, "it")).toBe('{"text":"fine"}');
    expect(encodeJson(JSON.parse('{"__proto__":{"a":1}}'), "it")).toBe('{"__proto__":{"a":1}}');
    expect(encodeJson([() => 1].slice(1), "it")).toBe("[]");
  });

  test("keeps a null that a toJSON of somebody's own gives", () => {
    expect(encodeJson({ a: { toJSON: () => null } }, "it")).toBe('{"a":null}');
  });

  test("keeps what JSON holds; the same object twice is no cycle", () => {
    const shared = { n: 1 };
    expect(encodeJson({ a: shared, b: [shared], d: new Date(0), u: undefined }, "it")).toBe(
      '{"a":{"n":1},"b":[{"n":1}],"d":"1970-01-01T00:00:00.000Z"}',
    );
    expect(encodeJson(undefined, "it")).toBe("null");
    expect(encodeJson("😀", "it")).toBe('"😀"');
  });
});

test("decodeJson drops __proto__", () => {
  const value = decodeJson('{"__proto__":{"admin":true},"a":1}') as Record<string, unknown>;
  expect(value).toEqual({ a: 1 });
  expect(value.admin).toBeUndefined();
});

test("canonicalJson does not depend on the order of keys", () => {
  expect(canonicalJson({ b: 1, a: { d: [2, 1], c: null } })).toBe(
    canonicalJson({ a: { c: null, d: [2, 1] }, b: 1 }),
  );
});
