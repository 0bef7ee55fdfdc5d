import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { generateWeek, SAMPLE_WEEK, startFinraServer, writeWeekFile } from "spine-finra/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Finished, run, start, temporaryFolder } from "./testing/command.ts";
import { attempts, query, tableHash } from "./testing/inspect.ts";

const STEPS = ["fetch", "transform", "quality", "load", "summary"] as const;
const folder = temporaryFolder();
let file = "";
let undisturbed: Finished["summary"];

beforeAll(async () => {
  file = await writeWeekFile({ folder: folder.path, weekStart: SAMPLE_WEEK, tier: "T1" });
  undisturbed = (await start(["--db", join(folder.path, "undisturbed.db"), "--file", file])).summary;
  expect(undisturbed.status).toBe("COMPLETED");
  // As long as a test of it may take: it is the same command.
}, 180_000);
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

  test("its file in a folder that the next call does not name: the run goes on there nevertheless", async () => {
    const db = join(folder.path, "folders.db");
    expect((await run("testing/kill-at.ts", [db, file, "step.started", "fetch"])).signal).toBe("SIGKILL");
    mkdirSync(join(folder.path, "other"));
    const other = await writeWeekFile({
      folder: join(folder.path, "other"),
      weekStart: SAMPLE_WEEK,
      tier: "OTCE",
    });
    const { code, summary, stderr } = await start(["--db", db, "--file", other]);
    expect(code).toBe(0);
    // The lost attempt began in another process: how long it took is not known here.
    expect(stderr).toContain("WORKER_LOST");
    expect(stderr).not.toMatch(/-\d\.\d|WORKER_LOST.* s$/m);
    const left = query(db, `select status from workflow_runs where run_id <> '${summary.execution_id}'`);
    expect(left.map(({ status }) => status)).not.toContain("FAILED");
    expect((await start(["--db", db, "--file", file])).summary.status).toBe("COMPLETED");
  });

  test("at random moments, until it completes: one run, one load, the same figures", async () => {
    const db = join(folder.path, "random.db");
    let finished: Finished | undefined;
    for (let round = 0; round < 40 && finished?.code !== 0; round++) {
      // The first rounds are killed early, later ones live longer, so that it ends on a busy machine too.
      finished = await start(["--db", db, "--file", file], {
        killAfterMs: 150 * 1.15 ** round + Math.random() * 100,
      });
    }
    expect(finished?.code).toBe(0);
    expectSameResult(finished?.summary, db);
    const finishedTwice = query(
      db,
      "select run_id, step_name from workflow_step_runs where status = 'COMPLETED' group by 1, 2 having count(*) > 1",
    );
    expect(finishedTwice).toEqual([]);
  }, 120_000);
});

describe("kill -9 between two pages", () => {
  const options = { weekStart: SAMPLE_WEEK, tier: "T1", symbols: 3_200 } as const;
  const pages = 4;
  let large = "";
  let rows = 0;

  beforeAll(async () => {
    large = await writeWeekFile({
      folder: mkdirSync(join(folder.path, "large"), { recursive: true }) ?? "",
      ...options,
    });
    rows = generateWeek(options).expected.rows;
  });

  /** Kills the command at the second page of a step, and does the same again; the pages that each did, by step. */
  async function killedAndResumed(db: string, step: string) {
    const killed = await run("testing/kill-at.ts", [db, large, "step.progress", step, "2"]);
    expect(killed.signal).toBe("SIGKILL");
    const kept = query(db, "select * from dataset_chunks order by rowid");
    const target = tableHash(db);
    const resumed = await run("testing/kill-at.ts", [db, large]);
    expect(resumed.code, resumed.stderr).toBe(0);
    expect(query(db, "select * from dataset_chunks order by rowid").slice(0, kept.length)).toEqual(kept);
    expect(query(db, "select count(*) n from finra_otc_trade_activity")).toEqual([{ n: rows }]);
    expect(query(db, "select inserted from loads where inserted > 0").at(-1)).toEqual({ inserted: rows });
    return { kept: kept.length, target, before: pagesOf(killed), after: pagesOf(resumed) };
  }

  function pagesOf({ stdout }: Finished): Readonly<Record<string, number>> {
    const steps = stdout.match(/^\w+/gm) ?? [];
    return Object.fromEntries(
      STEPS.map((step) => [step, steps.filter((name) => name === step).length] as const).filter(
        ([, n]) => n > 0,
      ),
    );
  }

  test("of the fetch: it goes on at the page after the last one stored", async () => {
    const { kept, before, after } = await killedAndResumed(join(folder.path, "pages-fetch.db"), "fetch");
    expect([kept, before]).toEqual([2, { fetch: 2 }]);
    expect(after).toEqual({ fetch: pages - 2, transform: pages, quality: pages, load: pages });
  });

  test("of the transform: what was transformed is not transformed again", async () => {
    const { kept, before, after } = await killedAndResumed(
      join(folder.path, "pages-transform.db"),
      "transform",
    );
    expect([kept, before]).toEqual([pages + 2, { fetch: pages, transform: 2 }]);
    expect(after).toEqual({ transform: pages - 2, quality: pages, load: pages });
  });

  test("of the load: the target is as before, and then loaded once", async () => {
    const db = join(folder.path, "pages-load.db");
    // The week is loaded already, with other rows.
    expect((await start(["--db", db, "--file", file])).code).toBe(0);
    const loaded = tableHash(db);
    const { target, before, after } = await killedAndResumed(db, "load");
    expect(before).toEqual({ fetch: pages, transform: pages, quality: pages, load: 2 });
    expect(target).toBe(loaded);
    expect(after).toEqual({ load: pages });
    expect(query(db, "select count(*) n from finra_otc_trade_activity_captures")).toEqual([
      { n: undisturbed.rows.out },
    ]);
    expect(query(db, "select count(*) n from loads")).toEqual([{ n: 2 }]);
  });
});

describe("kill -9 between two pages over HTTP", () => {
  const offsets = (server: { readonly requests: readonly { readonly body: unknown }[] }, from = 0) =>
    server.requests.slice(from).map(({ body }) => {
      const { offset, compareFilters } = body as { offset: number; compareFilters: readonly unknown[] };
      // What is asked once more at the end is which rows were restated.
      return compareFilters.length === 3 ? offset : "restated";
    });

  test("it goes on at the page that it was at, and asks for no earlier one", async () => {
    await using server = await startFinraServer({ pageRows: 500, requestsPerSecond: null });
    const db = join(folder.path, "http.db");
    const killed = await run("testing/kill-at.ts", [db, server.url, "step.progress", "fetch", "4"]);
    expect(killed.signal, killed.stderr).toBe("SIGKILL");
    const kept = query(db, "select * from dataset_chunks order by rowid");
    expect(kept).toHaveLength(4);
    // Each page begins with the last row of the one before.
    const all = Array.from({ length: 9 }, (_none, page) => page * 499);
    expect(offsets(server).slice(0, 4)).toEqual(all.slice(0, 4));

    // As the command does it: its server dies with it, and the next one is at another port.
    await using other = await startFinraServer({ pageRows: 500, requestsPerSecond: null });
    const resumed = await run("testing/kill-at.ts", [db, other.url]);
    expect(resumed.code, resumed.stderr).toBe(0);
    expect(offsets(other)).toEqual([...all.slice(4), "restated"]);
    expect(query(db, "select * from dataset_chunks order by rowid").slice(0, 4)).toEqual(kept);
    const { expected } = generateWeek({ weekStart: SAMPLE_WEEK, tier: "T1" });
    expect(query(db, "select count(*) n, sum(trades) trades from finra_otc_trade_activity")).toEqual([
      { n: expected.rows, trades: expected.trades },
    ]);
    expect(query(db, "select count(*) n from loads")).toEqual([{ n: 1 }]);
  });

  test("while a page is on its way: the same", async () => {
    await using server = await startFinraServer({ pageRows: 500, requestsPerSecond: null });
    server.inject({ page: 6, kind: "silence" });
    const db = join(folder.path, "http-under-way.db");
    const running = run("testing/kill-at.ts", [db, server.url], {
      killAfter: () => server.requests.length >= 6,
    });
    expect((await running).signal).toBe("SIGKILL");
    const before = server.requests.length;
    const resumed = await run("testing/kill-at.ts", [db, server.url]);
    expect(resumed.code, resumed.stderr).toBe(0);
    expect(offsets(server, before)[0]).toBe(5 * 499);
    expect(query(db, "select count(*) n from finra_otc_trade_activity")).toEqual([
      { n: generateWeek({ weekStart: SAMPLE_WEEK, tier: "T1" }).expected.rows },
    ]);
  });
});
