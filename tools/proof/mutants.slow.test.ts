// The short form of `npm run proof -- --mutants`: the mutants that take a few seconds.

import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import type { Mutant } from "./mutant.ts";
import { MUTANTS } from "./mutants.ts";
import { proveMutants } from "./prove-mutants.ts";

const quick = MUTANTS.filter((mutant) => mutant.quick);
const ROOT = join(import.meta.dirname, "../..");
const verdicts = proveMutants(ROOT, quick);
// The sources are copied once, for all of them.
afterAll(async () => void (await verdicts.return(undefined)));

test.each(quick.map((mutant) => [mutant.name, mutant] as const))("%s is caught", async (_, mutant) => {
  const { value } = await verdicts.next();
  expect(value).toMatchObject({ mutant, passed: true, problem: null });
});

test("a mutant that nobody notices is told, and one that fails for another reason", async () => {
  const [mutant] = MUTANTS.filter(({ name }) => name === "no-shared-commit-sqlite");
  if (!mutant) throw new Error("There is no such mutant any more.");
  const [change] = mutant.changes;
  if (!change) throw new Error("It changes nothing.");
  const harmless: Mutant = { ...mutant, changes: [{ ...change, replace: `${change.find} // nothing` }] };
  const wrong: Mutant = { ...mutant, says: "what it does not say" };
  const problems: (string | null)[] = [];
  for await (const { problem } of proveMutants(ROOT, [harmless, wrong])) problems.push(problem);
  expect(problems).toEqual(["it was not noticed", expect.stringContaining("fails for another reason")]);
});
