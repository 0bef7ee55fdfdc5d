import { expect, test } from "vitest";
import { Registry } from "./registry.ts";

test("finds by name; an unknown name is told what there is", () => {
  const registry = new Registry<{ name: string }>("source", "UNKNOWN_SOURCE");
  const a = { name: "a" };
  registry.add(a);
  registry.add(a);
  expect(registry.get("a")).toBe(a);
  expect(() => registry.get("b")).toThrowError(
    expect.objectContaining({ code: "UNKNOWN_SOURCE", message: expect.stringContaining("Registered: a") }),
  );
  expect(() => registry.add({ name: "a" })).toThrowError(expect.objectContaining({ code: "DUPLICATE_NAME" }));
});
