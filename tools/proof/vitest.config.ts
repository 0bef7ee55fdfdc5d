import { defineConfig } from "vitest/config";

// Proofs that are written as tests: the same set-up as vitest.config.ts in the root, for the files that it leaves out.
export default defineConfig({
  ssr: {
    resolve: {
      conditions: ["spine-source", "module", "node", "development|production"],
      externalConditions: ["spine-source"],
    },
  },
  test: {
    pool: "forks",
    execArgv: ["--conditions=spine-source"],
    testTimeout: 600_000,
    hookTimeout: 60_000,
    include: ["tools/proof/**/*.proof.ts"],
    maxWorkers: 1,
  },
});
