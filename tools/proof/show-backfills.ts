import { join } from "node:path";
import { startVitest } from "vitest/node";

/** Runs the kills of backfills without leaving anything out; true when they hold. */
export async function showBackfills(): Promise<boolean> {
  process.env.SPINE_EVERY_DEATH = "1";
  const root = join(import.meta.dirname, "../..");
  const vitest = await startVitest("test", ["engine-backfill-kills"], { root, watch: false });
  await vitest.close();
  return process.exitCode === undefined || process.exitCode === 0;
}
