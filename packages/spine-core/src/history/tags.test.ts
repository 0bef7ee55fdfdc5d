import { expect, test } from "vitest";
import { ValidationError } from "../errors.ts";
import { checkTags } from "./tags.ts";

test("keeps each tag once, in order", () => {
  expect(checkTags(["b", "a", "b", "Ä 1"])).toEqual(["a", "b", "Ä 1"]);
  expect(checkTags()).toEqual([]);
});

test.each([
  [["ok", ""], "/tags/1"],
  [["  "], "/tags/0"],
  [["x".repeat(101)], "/tags/0"],
  [["a\u0000b"], "/tags/0"],
  [["\ud800"], "/tags/0"],
  [Array.from({ length: 21 }, (_, index) => `t${index}`), "/tags"],
  ["text" as unknown as string[], "/tags"],
  [[7 as unknown as string], "/tags/0"],
])("refuses %j and says which", (tags, path) => {
  let thrown: unknown;
  try {
    checkTags(tags);
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toBeInstanceOf(ValidationError);
  expect((thrown as ValidationError).detail).toMatchObject({ issues: [{ path }] });
});
