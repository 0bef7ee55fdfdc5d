import { expect, test } from "vitest";
import { shown } from "./shown.ts";

test("what was given is repeated shortly", () => {
  const given = [
    "1",
    1,
    0.5,
    true,
    undefined,
    null,
    2n,
    [],
    {},
    () => 1,
    Symbol("s"),
    new Date(0),
    new Date("no"),
  ];
  expect(given.map(shown)).toEqual([
    '"1"',
    "1",
    "0.5",
    "true",
    "undefined",
    "null",
    "2n",
    "a list",
    "an object",
    "a function",
    "a symbol",
    "1970-01-01T00:00:00.000Z",
    "an invalid Date",
  ]);
  expect(shown("x".repeat(1_000)).length).toBeLessThan(150);
});
