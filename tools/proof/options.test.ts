import { expect, test } from "vitest";
import { readOptions } from "./options.ts";

const known = ["a", "b"];

test("all mutants, some of them, and lines for programs", () => {
  expect(readOptions(["--mutants"], known)).toEqual({ only: null, json: false });
  expect(readOptions(["--mutants", "--only", "b,a", "--json"], known)).toEqual({
    only: ["b", "a"],
    json: true,
  });
});

test.each([
  [[], /--mutants/],
  [["--mutants", "--only", "c"], /knows a, b; not c/],
  [["--mutants", "--only", ","], /not nothing/],
  [["--mutant"], /--mutant/],
])("%j is refused with what there is", (args, message) => {
  expect(() => readOptions(args, known)).toThrow(message);
});
