import { rmSync } from "node:fs";
import { experiments } from "./experiments.ts";
import { buildPackages } from "./harness/built-process.ts";
import { Databases } from "./harness/databases.ts";
import { type Result, runExperiment } from "./harness/run-experiment.ts";
import { isChosen, type Options, readOptions, USAGE } from "./options.ts";
import { conditions, load } from "./report/conditions.ts";
import { GOALS, measured, missed, summarize } from "./report/goals.ts";
import { goalsTable, table } from "./report/table.ts";
import { SYSTEMS } from "./systems/catalog.ts";

let options: Options;
try {
  options = readOptions(process.argv.slice(2), {
    experiments: experiments(false).map(({ id }) => id),
    systems: SYSTEMS.map(({ name }) => name),
  });
} catch (error) {
  console.error(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
  process.exit(2);
}

const { quick, json, systems } = options;
/** Experiments between processes of Spine, which run on the packages as they are published. */
const BUILT = new Set(["recovery", "queued", "fan-out", "memory", "idle"]);
const before = conditions();
const begun = performance.now();
const results: Result[] = [];
{
  await using databases = new Databases();
  rmSync(new URL("dist", import.meta.url), { recursive: true, force: true });
  if (experiments(quick).some(({ id, workload }) => BUILT.has(workload) && isChosen(id, options)))
    buildPackages();
  for (const experiment of experiments(quick)) {
    const chosen = experiment.systems.filter(({ name }) => systems === null || systems.includes(name));
    if (!isChosen(experiment.id, options) || chosen.length === 0) continue;
    if (experiment.onRequest && options.only === null) continue;
    const say = (text: string) => process.stderr.write(`${text}\n`);
    const done = await runExperiment({ ...experiment, systems: chosen }, databases, say);
    results.push(...done);
    if (json) for (const result of done) console.log(JSON.stringify(lineOf(result)));
    else console.log(table(done));
  }
}

const summary = summarize(results);
const misses = missed(summary);
const failed = results.filter(({ error }) => error !== null).map(({ system }) => system.name);
/** `ok` says something of these only. */
const extent = `${measured(summary)} of ${Object.keys(GOALS).length}`;
const ok = misses.length === 0 && failed.length === 0;
const seconds = Math.round((performance.now() - begun) / 1_000);
const circumstances = { ...before, loadAfter: load(), seconds, quick };
if (json) {
  console.log(JSON.stringify({ conditions: circumstances }));
  console.log(
    JSON.stringify({ ...summary, missed: misses, failed: [...new Set(failed)], measured: extent, ok }),
  );
} else {
  console.log(goalsTable(summary, misses));
  console.log(`measured: ${extent}`);
  console.log(JSON.stringify(circumstances));
}

/** One result as a line of JSON. */
function lineOf({ experiment, system, figures, rounds, error }: Result) {
  const { id, durability } = experiment;
  return {
    experiment: id,
    system: system.name,
    kind: system.kind,
    durability,
    figures,
    rounds,
    ...(error === null ? {} : { error }),
  };
}
