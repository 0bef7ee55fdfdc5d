import { join } from "node:path";
import { SAMPLE_WEEK, writeWeekFile } from "spine-finra/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Finished, run, start, temporaryFolder } from "./testing/command.ts";
import { attempts, query } from "./testing/inspect.ts";

const STEPS = ["fetch", "transform", "quality", "load", "summary"] as const;
const folder = temporaryFolder();
let file = "";
let undisturbed: Finished["summary"];

beforeAll(async () => {
  file = await writeWeekFile({ folder: folder.path, weekStart: SAMPLE_WEEK, tier: "T1" });
  undisturbed = (await start(["--db", join(folder.path, "undisturbed.db"), "--file", file])).summary;
  expect(undisturbed.status).toBe("COMPLETED");
});
afterAll(() => folder[Symbol.dispose]());

function expectSameResult(summary: Finished["summary"], db: string): void {
  const { rows, shares, trades, symbols } = undisturbed;
  expect(summary).toMatchObject({ status: "COMPLETED", rows, shares, trades, symbols });
  expect(
    query(db, "select count(*) n, count(distinct _spine_load_id) loads from finra_otc_trade_activity"),
  ).toEqual([{ n: rows.out, loads: 1 }]);
}

describe("kill -9, then the same command", () => {
  test.each(STEPS)("as %s begins: the steps before it are not run again", async (step) => {
    const db = join(folder.path, `started-${step}.db`);
    expect((await run("testing/kill-at.ts", [db, file, "step.started", step])).signal).toBe("SIGKILL");
    const { code, summary } = await start(["--db", db, "--file", file]);
    expect(code).toBe(0);
    expectSameResult(summary, db);
    expect(query(db, "select run_id from workflow_runs")).toEqual([{ run_id: summary.execution_id }]);
    const at = STEPS.indexOf(step);
    expect(attempts(db, summary.execution_id)).toEqual([
      ...STEPS.slice(0, at).map((name) => `${name}#1 COMPLETED`),
      `${step}#1 FAILED`,
      `${step}#2 COMPLETED`,
      ...STEPS.slice(at + 1).map((name) => `${name}#1 COMPLETED`),
    ]);
  });

  test("between two pages: the fetch goes on at the page after the last one stored", async () => {
    const db = join(folder.path, "progress.db");
    expect((await run("testing/kill-at.ts", [db, file, "step.progress", "fetch"])).signal).toBe("SIGKILL");
    const [kept] = query(db, "select count(*) chunks from dataset_chunks");
    expect(kept?.chunks).toBe(1);
    const { code, summary } = await start(["--db", db, "--file", file]);
    expect(code).toBe(0);
    expectSameResult(summary, db);
  });

  test("at random moments, until it completes: one run, one load, the same figures", async () => {
    const db = join(folder.path, "random.db");
    let finished: Finished | undefined;
    for (let round = 0; round < 40 && finished?.code !== 0; round++) {
      // The first rounds are killed early, later ones live longer, so that it ends.
      finished = await start(["--db", db, "--file", file], {
        killAfterMs: 150 + round * 25 + Math.random() * 100,
      });
    }
    expect(finished?.code).toBe(0);
    expectSameResult(finished?.summary, db);
    const finishedTwice = query(
      db,
      "select run_id, step_name from workflow_step_runs where status = 'COMPLETED' group by 1, 2 having count(*) > 1",
    );
    expect(finishedTwice).toEqual([]);
  });
});
