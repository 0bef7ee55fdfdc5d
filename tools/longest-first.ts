import { BaseSequencer, type TestSpecification } from "vitest/node";

/**
 * The files that take longest in their group, begin of their names, longest first (20 to 90 s on two quiet cores).
 * Most of them are short: by their size, which is all that a fresh clone knows, they would begin last, and one core would wait for them.
 */
const LONGEST = [
  // unit
  "postgres-history-store.test",
  "postgres-faults.test",
  "postgres-dataset-outages.test",
  "start-in-transaction.test",
  "postgres-queue-store.test",
  "engine-signals.test",
  "engine-owned.test",
  "engine-versions.test",
  // slow
  "check.slow",
  "mutants.slow",
  "engine-crashes.slow",
  "kill.slow",
  "workshop.slow",
  "main.slow",
  "desktop.slow",
  "check-packages.slow",
  "engine-kinds-crashes.slow",
  "engine-backfill-kills.slow",
  // timed
  "kills.timed",
  "engine-outages.timed",
  "liveness.timed",
  "engine-schedules-processes.timed",
  "latency.timed",
];

/** Begins with the files that take longest, so that none is left alone at the end. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const others = await super.sort(files);
    return others.toSorted((a, b) => rankOf(a) - rankOf(b));
  }
}

function rankOf({ moduleId }: TestSpecification): number {
  const rank = LONGEST.findIndex((name) => moduleId.includes(`/${name}`));
  return rank < 0 ? LONGEST.length : rank;
}
