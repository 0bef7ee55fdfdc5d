import { expect, test } from "vitest";
import { exactJson } from "./exact-json.ts";

test("numbers that a double does not hold are the texts that stand there, and no others", () => {
  for (const text of [
    "12345678901234567890",
    "-9007199254740993",
    "0.1234567890123456789",
    "1e400",
    "-1E+999",
    "123456789.12345678901",
    "1e-999",
    "100000000000000000000.5e-25",
  ]) {
    expect(exactJson(`{"a":[${text}]}`)).toEqual({ a: [text] });
  }
  for (const text of [
    "0",
    "-0",
    "9007199254740991",
    "0.30000000000000004",
    "1.2345678901234568E10",
    "1e300",
    "120000.500000000000000000",
    "5e-324",
  ]) {
    expect(exactJson(`{"a":[${text}]}`), text).toEqual({ a: [Number(text)] });
  }
});

test("texts are themselves, and what may change a prototype is dropped", () => {
  const text = '{"id":"12345678901234567890","__proto__":{"a":1},"n":12345678901234567890}';
  expect(exactJson(text)).toEqual({ id: "12345678901234567890", n: "12345678901234567890" });
});
