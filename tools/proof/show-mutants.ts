import { MUTANTS } from "./mutants.ts";
import type { MutantOptions } from "./options.ts";
import { proveMutants, type Verdict } from "./prove-mutants.ts";

/** Proves mutants and prints what became of them; true when all were caught. */
export async function showMutants(root: string, { only, json }: MutantOptions): Promise<boolean> {
  const chosen = MUTANTS.filter(({ name }) => only === null || only.includes(name));
  let passed = 0;
  for await (const verdict of proveMutants(root, chosen)) {
    if (verdict.passed) passed += 1;
    console.log(json ? JSON.stringify(lineOf(verdict)) : textOf(verdict));
  }
  const failed = chosen.length - passed;
  console.log(
    json ? JSON.stringify({ passed, failed, ok: failed === 0 }) : `\n${passed} passed, ${failed} failed`,
  );
  return failed === 0;
}

function lineOf({ mutant, passed, problem, seconds }: Verdict) {
  const { name, breaks, caughtBy } = mutant;
  return {
    mutant: name,
    breaks,
    passed,
    problem,
    file: caughtBy.file,
    test: caughtBy.test,
    seconds: round(seconds),
  };
}

function textOf({ mutant, passed, problem, seconds }: Verdict): string {
  const { name, breaks, caughtBy } = mutant;
  const by = `${caughtBy.file}: ${caughtBy.test.join(" > ")}`;
  return `${passed ? "caught" : "NOT CAUGHT"}  ${name} (${round(seconds)} s): ${breaks}\n    ${passed ? `by ${by}` : problem}`;
}

function round(seconds: number): number {
  return Math.round(seconds * 10) / 10;
}
