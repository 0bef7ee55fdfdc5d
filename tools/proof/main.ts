import { join } from "node:path";
import { showKills } from "./kills/show-kills.ts";
import { MUTANTS } from "./mutants.ts";
import { type Options, readOptions, USAGE } from "./options.ts";
import { showBackfills } from "./show-backfills.ts";
import { showFuzz } from "./show-fuzz.ts";
import { showHttp } from "./show-http.ts";
import { showMutants } from "./show-mutants.ts";
import { showOutages } from "./show-outages.ts";

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

process.exitCode = (await prove(options)) ? 0 : 1;

async function prove(chosen: Options): Promise<boolean> {
  if (chosen.proof === "kills") return await showKills(chosen);
  if (chosen.proof === "outages") return await showOutages();
  if (chosen.proof === "backfills") return await showBackfills();
  if (chosen.proof === "http") return await showHttp(chosen);
  if (chosen.proof === "fuzz") return await showFuzz(chosen);
  return await showMutants(join(import.meta.dirname, "../.."), chosen);
}
