import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { applyMutant, type Change, type Mutant } from "./mutant.ts";
import { MUTANTS } from "./mutants.ts";

const ROOT = join(import.meta.dirname, "../..");
let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "spine-mutant-"));
  writeFileSync(join(folder, "a.ts"), "one two two");
});
afterEach(() => rmSync(folder, { recursive: true }));

const text = () => readFileSync(join(folder, "a.ts"), "utf8");
const mutant = (...changes: readonly Change[]): Mutant => ({
  name: "m",
  breaks: "something",
  changes,
  caughtBy: { file: "f", test: ["t"] },
  says: "",
  quick: false,
});

test("changes a text that is there once, and repairs it", () => {
  const repair = applyMutant(
    folder,
    mutant(
      { file: "a.ts", find: "one", replace: "$& three" },
      { file: "a.ts", find: "three", replace: "four" },
    ),
  );
  expect(text()).toBe("$& four two two");
  repair();
  expect(text()).toBe("one two two");
});

test.each([
  ["two", 2],
  ["five", 0],
])("refuses %j, which is there %i times, and leaves everything as it was", (find, times) => {
  const changes = [
    { file: "a.ts", find: "one", replace: "1" },
    { file: "a.ts", find, replace: "x" },
  ];
  expect(() => applyMutant(folder, mutant(...changes))).toThrow(`${times} times, not once`);
  expect(text()).toBe("one two two");
});

// Code moves; a mutant that does not fit any more is found here, long before it is run.
test.each(MUTANTS.map((each) => [each.name, each] as const))(
  "%s fits the code as it is",
  (_, { changes }) => {
    const before = new Map<string, string>();
    for (const { file, find, replace } of changes) {
      const source = before.get(file) ?? readFileSync(join(ROOT, file), "utf8");
      expect(source.split(find)).toHaveLength(2);
      before.set(
        file,
        source.replace(find, () => replace),
      );
    }
  },
);

test("names of mutants are unique", () => {
  expect(new Set(MUTANTS.map(({ name }) => name)).size).toBe(MUTANTS.length);
});
