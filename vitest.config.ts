import { availableParallelism } from "node:os";
import { join } from "node:path";
import { defineConfig } from "vitest/config";
import { LongestFirst } from "./tools/longest-first.ts";

// Tests lie beside what they test. A file that needs more than a few seconds ends in `.slow.test.ts`; one whose processes must
// keep up with a real clock, or whose memory is measured, ends in `.timed.test.ts`. `npm run test:quick` leaves out both. What
// renders React ends in `.test.tsx`.
const include = ["packages", "examples", "bench", "tools"].map((folder) => `${folder}/**/*.test.ts`);
const pages = include.map((pattern) => `${pattern}x`);
const named = (kind: string) => include.map((pattern) => pattern.replace("*.test", `*.${kind}.test`));
const exclude = ["**/node_modules/**", "**/dist/**"];

export default defineConfig({
  // Packages are tested from their sources: no build between an edit and a test. Below for tests that have a DOM.
  resolve: { conditions: ["spine-source", "module", "node", "development|production"] },
  ssr: {
    resolve: {
      conditions: ["spine-source", "module", "node", "development|production"],
      externalConditions: ["spine-source"],
    },
  },
  test: {
    pool: "forks",
    // Child processes that a test forks find the sources too.
    execArgv: ["--conditions=spine-source"],
    // And each other's compiled code: half of the time that one takes to start from its sources.
    env: { NODE_COMPILE_CACHE: join(import.meta.dirname, "node_modules/.cache/node") },
    testTimeout: 30_000,
    hookTimeout: 30_000,
    // What is waited for comes at once, unless the machine is busy.
    expect: { poll: { timeout: 10_000 } },
    reporters: ["./tools/test-reporter.ts"],
    sequence: { sequencer: LongestFirst },
    projects: [
      // Groups begin at 1: Vitest moves group 0 to the end where it has a single worker.
      {
        extends: true,
        test: {
          name: "unit",
          include,
          exclude: [...exclude, ...named("slow"), ...named("timed")],
          // Many wait for a server now and then: one more than there are cores keeps these busy.
          maxWorkers: availableParallelism() + 1,
          // Files share processes, and what these have loaded: loading it anew took two fifths of the CPU time of spine-core's tests.
          // So a test leaves things as they were (environment variables, spies, timers, servers).
          isolate: false,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          name: "pages",
          include: pages,
          exclude,
          maxWorkers: availableParallelism() + 1,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          name: "slow",
          include: named("slow"),
          exclude,
          testTimeout: 180_000,
          // They wait for processes, servers and browsers now and then.
          maxWorkers: availableParallelism() + 1,
          // After the quick ones: what is simply broken is known first.
          sequence: { groupOrder: 2 },
        },
      },
      {
        extends: true,
        test: {
          name: "timed",
          include: named("timed"),
          exclude,
          testTimeout: 180_000,
          // They mostly wait; with more of them at a time, the processes that they start would be late.
          maxWorkers: 2,
          sequence: { groupOrder: 3 },
        },
      },
    ],
  },
});
