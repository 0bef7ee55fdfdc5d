import { join } from "node:path";
import { showKills } from "./kills/show-kills.ts";
import { MUTANTS } from "./mutants.ts";
import { type Options, readOptions, USAGE } from "./options.ts";
import { showMutants } from "./show-mutants.ts";

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

const ok =
  options.proof === "kills"
    ? await showKills(options)
    : await showMutants(join(import.meta.dirname, "../.."), options);
process.exitCode = ok ? 0 : 1;
