import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { start, temporaryFolder } from "./testing/command.ts";
import { query, tableHash } from "./testing/inspect.ts";

const real = new URL("../../../shared/data/finra-otc-weekly/", import.meta.url);
const present = existsSync(real);
const withRealData = test.skipIf(!present);
const reason = present ? "" : " (skipped: real data not present)";
const file = (name: string) => new URL(name, real).pathname;

test("without a file it loads the sample week of the local server, all three tiers, and says SAMPLE", async () => {
  using folder = temporaryFolder();
  const db = join(folder.path, "spine.db");
  const first = await start(["--db", db]);
  expect(first.stderr).toContain("SAMPLE");
  expect(first).toMatchObject({ code: 0, summary: { status: "COMPLETED", source: "SAMPLE", tier: "ALL" } });
  expect(first.summary.runs.map((run: { tier: string }) => run.tier)).toEqual(["T1", "T2", "OTCE"]);
  for (const run of first.summary.runs) {
    expect(run.rows.in).toBe(run.rows.out + run.rows.rejected);
    expect(run.rows.rejected).toBeGreaterThan(0);
    expect(run.steps.map((step: { name: string }) => step.name)).toEqual([
      "fetch",
      "transform",
      "quality",
      "load",
      "summary",
    ]);
  }
  const [totals] = query(db, "select count(*) n, sum(trades) trades from finra_otc_trade_activity");
  expect(totals).toEqual({ n: first.summary.rows.out, trades: first.summary.trades });

  // In the history: with the run, in what it came to, and to be found by.
  const params = query(db, "select params, tags from workflow_runs");
  for (const row of params) {
    expect(JSON.parse(String(row.params))).toMatchObject({ source: "SAMPLE" });
    expect(String(row.tags)).toContain("SAMPLE");
  }
  const outputs = query(db, "select output from workflow_step_runs where step_name = 'summary'");
  expect(outputs).toHaveLength(3);
  for (const { output } of outputs) {
    expect(JSON.parse(String(output))).toMatchObject({
      source: "SAMPLE",
      attribution: expect.stringContaining("no real trades"),
    });
  }

  const before = tableHash(db);
  const second = await start(["--db", db]);
  expect(second).toMatchObject({ code: 0, summary: { status: "COMPLETED", rows: first.summary.rows } });
  expect(second.summary.runs.every((run: { unchanged: boolean }) => run.unchanged)).toBe(true);
  expect(tableHash(db)).toBe(before);
});

test("--live asks the real service, and says so when it cannot be reached: nothing takes its place", async () => {
  using folder = temporaryFolder();
  const db = join(folder.path, "x.db");
  const args = ["--db", db, "--live", "--week-ending", "2026-03-06"];
  const { code, summary, stderr } = await start(args, { offline: true });
  expect(stderr).toContain("LIVE https://api.finra.org");
  expect(stderr).not.toContain("SAMPLE");
  expect(code, stderr).toBe(1);
  expect(summary).toMatchObject({ status: "FAILED", source: "LIVE", rows: { in: 0, out: 0, rejected: 0 } });
  expect(summary.error).toContain("api.finra.org");
  expect(query(db, "select distinct json_extract(params, '$.source') source from workflow_runs")).toEqual([
    { source: "FINRA" },
  ]);
});

withRealData(
  `the real OTCE file of 2025-12-15 gives its golden figures, and loading it twice changes nothing${reason}`,
  async () => {
    using folder = temporaryFolder();
    const db = join(folder.path, "x.db");
    const args = ["--db", db, "--file", file("finra_otc_weekly_otc_20251215.csv")];
    const first = await start(args);
    expect(first.code).toBe(0);
    expect(first.summary).toMatchObject({
      status: "COMPLETED",
      tier: "OTCE",
      week_start: "2025-11-10",
      rows: { in: 5328, out: 5328, rejected: 0 },
      shares: "1335995901",
      trades: 472776,
      symbols: 3111,
      unchanged: false,
    });
    const before = tableHash(db);
    const second = await start(args);
    expect(second.summary).toMatchObject({ status: "COMPLETED", unchanged: true, shares: "1335995901" });
    expect(second.summary.execution_id).not.toBe(first.summary.execution_id);
    expect(tableHash(db)).toBe(before);
  },
);

withRealData(
  `the real OTCE file of 2025-12-29 quarantines its row without a symbol, with the reason${reason}`,
  async () => {
    using folder = temporaryFolder();
    const db = join(folder.path, "x.db");
    const { code, summary } = await start(["--db", db, "--file", file("finra_otc_weekly_otc_20251229.csv")]);
    expect(code).toBe(0);
    expect(summary).toMatchObject({
      week_start: "2025-11-24",
      rows: { in: 4655, out: 4654, rejected: 1 },
      rejects: { INVALID_SYMBOL: 1 },
      shares: "997402635",
      trades: 309888,
      symbols: 2714,
    });
    const [reject] = query(db, "select * from rejects");
    expect(JSON.stringify(reject)).toContain("PPEX NORTH CAPITAL PRIVATE SECURITIES CORPORATION");
    expect(Object.values(reject ?? {})).toContain(4656);
  },
);

test("several at once on one database: each completes, the week is loaded once", async () => {
  using folder = temporaryFolder();
  const db = join(folder.path, "spine.db");
  const all = await Promise.all([1, 2, 3].map(() => start(["--db", db])));
  for (const { code, summary, stderr } of all) {
    expect(code, stderr).toBe(0);
    expect(summary).toMatchObject({ status: "COMPLETED", rows: all[0]?.summary.rows });
  }
  expect(query(db, "select count(*) n from loads")).toEqual([{ n: 3 }]);
});

const HEADER =
  "tierDescription|issueSymbolIdentifier|issueName|marketParticipantName|MPID|totalWeeklyShareQuantity|totalWeeklyTradeCount|lastUpdateDate\n";
const row = (mpid: string, shares: string, date: string) =>
  `OTC|AABB|Asia Broadband Inc|${mpid} A VENUE|${mpid}|${shares}|171|${date}\n`;

test("more shares than 64 bits hold are added up exactly", async () => {
  using folder = temporaryFolder();
  const path = join(folder.path, "huge.csv");
  writeFileSync(
    path,
    HEADER + row("OTCN", "9000000000000", "2025-12-15") + row("OTCX", "9000000000000", "2025-12-15"),
  );
  const { code, summary } = await start(["--db", join(folder.path, "x.db"), "--file", path]);
  expect(code).toBe(0);
  expect(summary).toMatchObject({ status: "COMPLETED", shares: "18000000000000" });
});

test("a restated file is loaded when its week is named, and an older one over it is warned of", async () => {
  using folder = temporaryFolder();
  const db = join(folder.path, "x.db");
  const [first, restated] = [join(folder.path, "first.csv"), join(folder.path, "restated.csv")];
  writeFileSync(first, HEADER + row("OTCN", "7", "2025-12-15"));
  writeFileSync(restated, HEADER + row("OTCN", "8", "2026-01-08"));

  const refused = await start(["--db", db, "--file", restated]);
  expect(refused).toMatchObject({ code: 1, summary: { error_code: "SOURCE_MALFORMED" } });
  expect((await start(["--db", db, "--file", first])).summary).toMatchObject({ shares: "7", warnings: [] });
  const named = await start(["--db", db, "--file", restated, "--week-ending", "2025-11-14"]);
  expect(named).toMatchObject({
    code: 0,
    summary: { status: "COMPLETED", tier: "OTCE", week_start: "2025-11-10", shares: "8", warnings: [] },
  });
  const older = await start(["--db", db, "--file", first]);
  expect(older).toMatchObject({ code: 0, summary: { status: "COMPLETED", shares: "7" } });
  expect(older.summary.warnings).toEqual([expect.stringContaining("2026-01-08")]);
  // Cut off between two lines, so that it looks whole.
  const whole = join(folder.path, "whole.csv");
  writeFileSync(
    whole,
    HEADER + ["OTCN", "OTCX", "OTCY"].map((mpid) => row(mpid, "9", "2025-12-15")).join(""),
  );
  expect((await start(["--db", db, "--file", whole])).summary.rows).toMatchObject({ out: 3 });
  const cut = await start(["--db", db, "--file", first]);
  expect(cut.summary.warnings).toContainEqual(
    expect.stringContaining("the 3 rows of the partition were replaced by 1"),
  );
  expect(older.stderr).toContain("WARN: rows dated 2026-01-08");
  // Not published yet on the file's date.
  const early = await start(["--db", db, "--file", first, "--week-ending", "2025-11-21"]);
  expect(early).toMatchObject({ code: 1, summary: { error_code: "VALIDATION_FAILED" } });
});

test("a week of which some rows were restated is loaded whole when it is named, whatever row comes first", async () => {
  using folder = temporaryFolder();
  const db = join(folder.path, "x.db");
  const path = join(folder.path, "partly.csv");
  // Wednesday, the Monday of another week's first publication, and the week's own day.
  writeFileSync(
    path,
    HEADER + row("OTCN", "7", "2025-12-24") + row("OTCX", "8", "2025-12-22") + row("ARCA", "9", "2025-12-15"),
  );
  const { code, summary } = await start(["--db", db, "--file", path, "--week-ending", "2025-11-14"]);
  expect(code).toBe(0);
  expect(summary).toMatchObject({
    week_start: "2025-11-10",
    rows: { in: 3, out: 3, rejected: 0 },
    shares: "24",
    warnings: [],
  });
  expect(query(db, "select last_update_date d from finra_otc_trade_activity order by 1")).toEqual([
    { d: "2025-12-15" },
    { d: "2025-12-22" },
    { d: "2025-12-24" },
  ]);
});

test("a file of another week does not take the place of the named one, unless its date is named too", async () => {
  using folder = temporaryFolder();
  const db = join(folder.path, "x.db");
  const [own, other] = [join(folder.path, "own.csv"), join(folder.path, "other.csv")];
  writeFileSync(own, HEADER + row("OTCN", "7", "2025-12-15"));
  writeFileSync(other, HEADER + row("OTCN", "8", "2025-12-22"));
  expect((await start(["--db", db, "--file", own])).code).toBe(0);
  const before = tableHash(db);
  const named = ["--db", db, "--file", other, "--week-ending", "2025-11-14"];
  const refused = await start(named);
  expect(refused).toMatchObject({ code: 1, summary: { status: "FAILED", error_code: "QUALITY_FAILED" } });
  expect(refused.summary.error).toContain("2025-12-22, when week 2025-11-17 was first published");
  expect(refused.summary.error).toContain("(--last-update-date)");
  expect(tableHash(db)).toBe(before);
  const restated = await start([...named, "--last-update-date", "2025-12-22"]);
  expect(restated).toMatchObject({ code: 0, summary: { week_start: "2025-11-10", shares: "8" } });
});

withRealData(
  `one odd row at the top of the real file of 2025-12-15 does not take the week away${reason}`,
  async () => {
    using folder = temporaryFolder();
    const db = join(folder.path, "x.db");
    const odd = join(folder.path, "odd.csv");
    const text = readFileSync(file("finra_otc_weekly_otc_20251215.csv"), "utf8");
    writeFileSync(odd, text.replace("2025-12-15", "2025-12-24"));
    const named = await start(["--db", db, "--file", odd, "--week-ending", "2025-11-14"]);
    expect(named).toMatchObject({
      code: 0,
      summary: { rows: { in: 5328, out: 5328, rejected: 0 }, shares: "1335995901", trades: 472776 },
    });
    const unnamed = await start(["--db", db, "--file", odd]);
    expect(unnamed).toMatchObject({
      code: 0,
      summary: { week_start: "2025-11-10", rows: { in: 5328, out: 5327, rejected: 1 } },
    });
    expect(unnamed.summary.warnings).toContainEqual(expect.stringContaining("--week-ending"));
  },
);

test("rejects are counted to the last one", async () => {
  using folder = temporaryFolder();
  const path = join(folder.path, "refused.csv");
  const bad = 12_345;
  writeFileSync(path, HEADER + row("OTCN", "7", "2025-12-15") + row("", "8", "2025-12-15").repeat(bad));
  const { code, summary } = await start(["--db", join(folder.path, "x.db"), "--file", path]);
  expect(code).toBe(1);
  expect(summary).toMatchObject({
    rows: { in: bad + 1, out: 0, rejected: bad },
    rejects: { INVALID_MPID: bad },
  });
});
