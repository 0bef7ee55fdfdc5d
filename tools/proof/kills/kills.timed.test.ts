// The short form of `npm run proof -- --kills`: real processes, killed at random moments.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createTestDatabase } from "spine-adapters/testing";
import { afterAll, expect, test } from "vitest";
import { bundleProcess } from "../../bundle-process.ts";
import { killRandomly } from "./kill-randomly.ts";

// A hundred in all, half of them of the mix; on Postgres one takes twice as long.
const KILLS = { SQLite: 32, Postgres: 18 } as const;
const seed = Number(process.env.SPINE_SEED ?? Date.now() % 1_000_000);

const all = mkdtempSync(join(tmpdir(), "spine-kills-"));
afterAll(() => rmSync(all, { recursive: true, force: true }));
const code = await bundleProcess(join(import.meta.dirname, "kill-process.ts"), join(all, "code"));

test.each([
  ["SQLite", KILLS.SQLite, "all workflows"],
  ["Postgres", KILLS.Postgres, "all workflows"],
  // Maps, parallel steps, waits, signals and children only, one inside of another.
  ["SQLite", 25, "kill.kinds"],
  ["Postgres", 25, "kill.kinds"],
] as const)(
  `%s: killed %i times (kill -9; SPINE_SEED=${seed}) at work on %s: nothing lost, nothing twice`,
  async (name, kills, workflow) => {
    const folder = join(all, `${name} ${workflow}`);
    const address =
      name === "SQLite" ? { file: join(folder, "spine.db") } : { url: await createTestDatabase() };
    const report = await killRandomly({
      address,
      code,
      folder,
      kills,
      seed,
      ...(workflow === "all workflows" ? {} : { workflow }),
    });
    expect(report).toMatchObject({
      kills,
      violations: [],
      accidents: [],
      lost: 0,
      double_commits: 0,
      finished_reexecuted: 0,
      stale_accepted: 0,
    });
    // It was not idle: work was cut, and taken over.
    expect(report.attempts_cut).toBeGreaterThan(kills / 2);
    expect(report.takeovers).toBeGreaterThan(kills / 2);
  },
  // On a busy machine a process takes seconds to start.
  600_000,
);
