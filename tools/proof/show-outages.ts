import { join } from "node:path";
import { startVitest } from "vitest/node";

/** Runs the proofs that are tests which take too long for each time, `*.proof.ts`; true when all hold. */
export async function showOutages(): Promise<boolean> {
  const vitest = await startVitest("test", [], {
    root: join(import.meta.dirname, "../.."),
    config: join(import.meta.dirname, "vitest.config.ts"),
    watch: false,
  });
  await vitest.close();
  return process.exitCode === undefined || process.exitCode === 0;
}
