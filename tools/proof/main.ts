import { join } from "node:path";
import { MUTANTS } from "./mutants.ts";
import { type Options, readOptions, USAGE } from "./options.ts";
import { proveMutants, type Verdict } from "./prove-mutants.ts";

// Proofs that take longer than tests, or that are about the tests themselves: `npm run proof -- --mutants`.

let options: Options;
try {
  options = readOptions(
    process.argv.slice(2),
    MUTANTS.map(({ name }) => name),
  );
} catch (error) {
  console.error(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
  process.exit(2);
}

const { only, json } = options;
const chosen = MUTANTS.filter(({ name }) => only === null || only.includes(name));
let passed = 0;
for await (const verdict of proveMutants(join(import.meta.dirname, "../.."), chosen)) {
  if (verdict.passed) passed += 1;
  console.log(json ? JSON.stringify(lineOf(verdict)) : textOf(verdict));
}
const failed = chosen.length - passed;
console.log(
  json ? JSON.stringify({ passed, failed, ok: failed === 0 }) : `\n${passed} passed, ${failed} failed`,
);
process.exitCode = failed === 0 ? 0 : 1;

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
