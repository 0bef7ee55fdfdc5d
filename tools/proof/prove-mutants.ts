import { applyMutant, type Mutant } from "./mutant.ts";
import { runTests, type TestEnd } from "./run-tests.ts";
import { makeWorkCopy } from "./work-copy.ts";

/** What became of a mutant. It has passed when its test passes without it and fails with it, for its reason. */
export interface Verdict {
  readonly mutant: Mutant;
  readonly passed: boolean;
  /** What is wrong, where it has not passed. */
  readonly problem: string | null;
  readonly seconds: number;
}

/**
 * Breaks the code in one place at a time, in a copy of the sources, and sees whether the test that guards this place fails.
 *
 * @param root the folder of the repository.
 */
export async function* proveMutants(root: string, mutants: readonly Mutant[]): AsyncGenerator<Verdict> {
  using copy = makeWorkCopy(root);
  const healthy = await runTests(
    copy.root,
    mutants.map(({ caughtBy }) => caughtBy),
  );
  for (const [index, mutant] of mutants.entries()) {
    const begun = performance.now();
    const problem = await problemOf(copy.root, mutant, healthy[index]);
    yield { mutant, passed: problem === null, problem, seconds: (performance.now() - begun) / 1_000 };
  }
}

async function problemOf(root: string, mutant: Mutant, healthy: TestEnd | undefined): Promise<string | null> {
  if (healthy?.status !== "passed") {
    return `its test does not pass without it: ${healthy?.message ?? "it was not run"}`;
  }
  let restore: () => void;
  try {
    restore = applyMutant(root, mutant);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  try {
    const [end] = await runTests(root, [mutant.caughtBy]);
    if (end?.status === "passed") return "it was not noticed";
    if (end?.status !== "failed") return `its test did not run: ${end?.message}`;
    return end.message.includes(mutant.says)
      ? null
      : `its test fails for another reason (no "${mutant.says}" in it): ${end.message.slice(0, 2_000)}`;
  } finally {
    restore();
  }
}
