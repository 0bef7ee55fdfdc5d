import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createSpine, type Database, type Spine, type SpineOptions, silentLogger } from "spine-core";
import { afterEach, beforeEach } from "vitest";
import { sqlite } from "../databases/sqlite.ts";

/** Spines on one database in a folder that each test gets anew. Call it once at the top of a test file. */
export function engineFixture(): {
  readonly folder: () => string;
  readonly database: () => Database;
  readonly start: (options?: Partial<SpineOptions>) => Promise<Spine>;
} {
  let folder = "";
  const open: Spine[] = [];
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "spine-engine-"));
  });
  afterEach(async () => {
    for (const spine of open.splice(0)) await spine.stop();
    rmSync(folder, { recursive: true, force: true });
  });
  const database = () => sqlite(join(folder, "spine.db"));
  return {
    folder: () => folder,
    database,
    start: async (options = {}) => {
      const spine = await createSpine({ database: database(), logger: silentLogger, ...options });
      open.push(spine);
      return spine;
    },
  };
}

/** A run's attempts in order: `["fetch#1 COMPLETED", …]`. */
export async function attemptsOf(spine: Spine, runId: string): Promise<readonly string[]> {
  const { steps } = await spine.get(runId);
  return steps.map(({ name, attempt, status }) => `${name}#${attempt} ${status}`);
}
