import { join } from "node:path";
import { generateWeek, SAMPLE_WEEK, writeWeekFile } from "spine-finra/testing";
import { expect, test } from "vitest";
import { start, temporaryFolder } from "./testing/command.ts";
import { query } from "./testing/inspect.ts";

test.each([
  ["SIGTERM", 143],
  ["SIGINT", 130],
] as const)(
  "%s: exit code %i, a JSON line last, and the same command goes on with the run",
  async (signal, code) => {
    using folder = temporaryFolder();
    const db = join(folder.path, "x.db");
    const week = { weekStart: SAMPLE_WEEK, tier: "T1", symbols: 1_600 } as const;
    const args = ["--db", db, "--file", await writeWeekFile({ folder: folder.path, ...week })];
    const stopped = await start(args, { interrupt: { when: " fetch ", signal } });
    expect([stopped.code, stopped.signal], stopped.stderr).toEqual([code, null]);
    expect(stopped.stdout.trim().split("\n")).toHaveLength(1);
    const [run] = query(db, "select run_id, status from workflow_runs");
    expect(stopped.summary).toMatchObject({
      status: "PENDING",
      execution_id: run?.run_id,
      tier: "T1",
      week_start: SAMPLE_WEEK,
      rows: { in: 0, out: 0, rejected: 0 },
      steps: [],
      error: `Stopped by ${signal}. The same command goes on where this one was.`,
      error_code: "STOPPED",
    });
    expect(run?.status).toBe("PENDING");

    const again = await start(args);
    expect(again).toMatchObject({
      code: 0,
      summary: { execution_id: run?.run_id, rows: { out: generateWeek(week).expected.rows } },
    });
  },
);
