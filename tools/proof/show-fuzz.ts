import { join } from "node:path";
import { startVitest } from "vitest/node";
import type { FuzzOptions } from "./options.ts";

const FUZZ = "packages/spine-adapters/src/sources/file-source-fuzz.slow.test.ts";

/** Reads so many generated and damaged inputs as files, by the test that reads fewer of them each time; true when it holds. */
export async function showFuzz({ inputs, seed }: FuzzOptions): Promise<boolean> {
  process.env.SPINE_FUZZ_RUNS = String(inputs);
  process.env.SPINE_FUZZ_SEED = String(seed);
  const root = join(import.meta.dirname, "../..");
  const vitest = await startVitest("test", [FUZZ], {
    root,
    config: join(root, "vitest.config.ts"),
    project: "slow",
    watch: false,
  });
  await vitest.close();
  console.log(`${inputs} inputs, seed ${seed}`);
  return process.exitCode === undefined || process.exitCode === 0;
}
