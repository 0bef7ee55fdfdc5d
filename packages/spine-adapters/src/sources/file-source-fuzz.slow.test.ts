import { describe, test } from "vitest";
import { FUZZED } from "./testing/fuzz.ts";
import { scratchDirectory } from "./testing/scratch-file.ts";

// `npm run proof -- --fuzz N --seed S` runs this with more inputs, or with those of a seed.
const runs = Number(process.env.SPINE_FUZZ_RUNS ?? 20_000);
const seed = Number(process.env.SPINE_FUZZ_SEED ?? Date.now() % 1_000_000);

describe(`${runs} generated inputs, seed ${seed}: no crash, no row lost`, () => {
  test.each(FUZZED)("$name", { timeout: 60_000 + runs * 5 }, async ({ share, run }) => {
    await run(Math.ceil(runs * share), seed, await scratchDirectory());
  });
});
