// The short form of `npm run proof -- --mutants`: the mutants that take a few seconds.

import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { MUTANTS } from "./mutants.ts";
import { proveMutants } from "./prove-mutants.ts";

const quick = MUTANTS.filter((mutant) => mutant.quick);
const verdicts = proveMutants(join(import.meta.dirname, "../.."), quick);
// The sources are copied once, for all of them.
afterAll(async () => void (await verdicts.return(undefined)));

test.each(quick.map((mutant) => [mutant.name, mutant] as const))("%s is caught", async (_, mutant) => {
  const { value } = await verdicts.next();
  expect(value).toMatchObject({ mutant, passed: true, problem: null });
});
