import { join } from "node:path";
import { startVitest } from "vitest/node";
import type { HttpOptions } from "./options.ts";

const TESTS = [
  "packages/spine-http/src/generated-requests.slow.test.ts",
  "packages/spine-http/src/events/event-stream.slow.test.ts",
  "examples/frameworks/mounts.slow.test.ts",
];
const REQUESTS = 50_000;
const CUTS = 1_000;

/** Asks and cuts the HTTP API so many times, by the tests that do less of it each time; true when it holds. */
export async function showHttp({ seed }: HttpOptions): Promise<boolean> {
  process.env.SPINE_HTTP_REQUESTS = String(REQUESTS);
  process.env.SPINE_HTTP_CUTS = String(CUTS);
  process.env.SPINE_HTTP_SPELLINGS = "all";
  process.env.SPINE_HTTP_SEED = String(seed);
  const root = join(import.meta.dirname, "../..");
  const vitest = await startVitest("test", TESTS, {
    root,
    config: join(root, "vitest.config.ts"),
    project: "slow",
    watch: false,
  });
  await vitest.close();
  console.log(
    `${REQUESTS} requests, ${CUTS} cuts, 200 spellings of every path in every framework, seed ${seed}`,
  );
  return process.exitCode === undefined || process.exitCode === 0;
}
