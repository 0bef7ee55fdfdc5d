import { sqlite } from "spine-adapters/databases";
import { createSpine, type InputOf, type Spine } from "spine-core";
import { expect, it, onTestFinished } from "vitest";
import type { FinraOtcOptions } from "./finra-otc-options.ts";
import { ingestWeek } from "./ingest-week.ts";
import { finra } from "./plugin.ts";
import { captureAsOf, weekTotals } from "./queries.ts";
import { generateWeek } from "./testing/generate-week.ts";
import { SAMPLE_WEEK } from "./testing/sample-week.ts";
import { type FinraServer, startFinraServer } from "./testing/server/finra-server.ts";
import type { FinraServerOptions } from "./testing/server/finra-server-options.ts";

const T1 = { tier: "T1", week_ending: "2026-03-06", source: "SAMPLE" } as const;
const WEEK = { tier: "T1", week_start: SAMPLE_WEEK } as const;

async function serve(options: FinraServerOptions = {}): Promise<FinraServer> {
  const server = await startFinraServer({
    symbols: 30,
    weeks: 8,
    requestsPerSecond: null,
    pageRows: 60,
    ...options,
  });
  onTestFinished(() => server.close());
  return server;
}

async function spineOn(queryApi: FinraOtcOptions | readonly FinraOtcOptions[]): Promise<Spine> {
  const spine = await createSpine({
    database: sqlite(":memory:"),
    plugins: [finra({ queryApi })],
    logLevel: "ERROR",
  });
  onTestFinished(() => spine.stop());
  return spine;
}

const localTo = ({ url }: FinraServer) => ({
  origin: "SAMPLE",
  baseUrl: url,
  allowPrivate: true,
  requestsPerSecond: null,
});

async function ingest(spine: Spine, input: InputOf<typeof ingestWeek> = T1) {
  const run = await spine.run(ingestWeek, input);
  const result = await run.result().catch(() => null);
  return { summary: result?.outputs.summary, ...(await spine.get(run.id)) };
}

it("loads a week over several pages, and says where it came from", async () => {
  const server = await serve();
  const spine = await spineOn(localTo(server));
  const { run, summary } = await ingest(spine);
  const { expected } = generateWeek({ weekStart: SAMPLE_WEEK, tier: "T1", symbols: 30 });
  expect(run.status).toBe("COMPLETED");
  expect(server.pages).toBeGreaterThan(3);
  expect(await weekTotals(spine.database, WEEK)).toEqual({
    rows: expected.rows,
    shares: expected.shares,
    trades: expected.trades,
    symbols: expected.symbols,
  });
  expect(run.params).toMatchObject({ source: "SAMPLE" });
  expect(summary).toMatchObject({ source: "SAMPLE", records: expected.rows, rejected: 2 });
  // Invented data is nobody's, least of all FINRA's.
  expect(summary?.attribution).toContain("no real trades");
  const [row] = await captureAsOf(spine.database, { ...WEEK, at: "2999-01-01T00:00:00Z" });
  expect(row).toMatchObject({
    product_type_code: expect.stringMatching(/^(UTP|CTS)$/),
    notional: expect.stringMatching(/^\d/),
  });
});

it("begins anew when the week is published again while it is read, and loads it as it is then", async () => {
  const server = await serve();
  const spine = await spineOn(localTo(server));
  spine.on("step.progress", ({ step }) => {
    if (step === "fetch" && server.pages === 2)
      server.restate({ weekStart: SAMPLE_WEEK, tier: "T1", on: "2026-04-09", added: 3, removed: 1 });
  });
  const { run, summary } = await ingest(spine);
  const { expected } = generateWeek({ weekStart: SAMPLE_WEEK, tier: "T1", symbols: 30 });
  expect(run.status).toBe("COMPLETED");
  expect(summary?.records).toBe(expected.rows + 2);
  const dates = await captureAsOf(spine.database, { ...WEEK, at: "2999-01-01T00:00:00Z" });
  expect(dates.filter((row) => row.last_update_date === "2026-04-09")).toHaveLength(6);
});

it("keeps a restated week beside the one that it replaces", async () => {
  const server = await serve();
  const spine = await spineOn(localTo(server));
  const first = await ingest(spine);
  expect((await ingest(spine)).summary).toMatchObject({ unchanged: true });
  server.restate({ weekStart: SAMPLE_WEEK, tier: "T1", on: "2026-04-09", changed: 2 });
  const second = await ingest(spine);
  expect(second.summary).toMatchObject({
    unchanged: false,
    superseded: first.summary?.records,
    inserted: first.summary?.records,
  });
});

it("keeps apart the two rows of a symbol that changed its tape within the week", async () => {
  const row = {
    weekStartDate: SAMPLE_WEEK,
    tierIdentifier: "T1",
    summaryTypeCode: "ATS_W_SMBL_FIRM",
    issueSymbolIdentifier: "QFIT",
    issueName: "Quirin Fifth Bancorp",
    MPID: "UBSA",
    marketParticipantName: "UBS ATS",
    totalWeeklyTradeCount: 10,
    totalWeeklyShareQuantity: 100.5,
    totalNotionalSum: 1_000,
    lastUpdateDate: "2026-03-23",
  };
  const server = await serve({
    rows: [
      { ...row, productTypeCode: "CTS" },
      { ...row, productTypeCode: "UTP" },
    ],
  });
  const spine = await spineOn(localTo(server));
  expect((await ingest(spine)).summary).toMatchObject({ records: 2, rejected: 0 });
  expect(await weekTotals(spine.database, WEEK)).toEqual({ rows: 2, shares: "201", trades: 20, symbols: 1 });
});

it("never takes one source for another: a run that names one which is not set up fails", async () => {
  const server = await serve();
  const spine = await spineOn(localTo(server));
  const { run } = await ingest(spine, { tier: "T1", week_ending: "2026-03-06" });
  expect(run).toMatchObject({
    status: "FAILED",
    params: { source: "FINRA" },
    error: { code: "CONFIG_INVALID" },
  });
  expect(run.error?.message).toContain('"FINRA"');
  expect(run.error?.message).toContain("SAMPLE");
  expect(server.requests).toEqual([]);
  expect(await weekTotals(spine.database, WEEK)).toMatchObject({ rows: 0 });
});

it("refuses two services of one name", () => {
  const service = { origin: "X", baseUrl: "http://127.0.0.1:1" };
  expect(() => finra({ queryApi: [service, service] })).toThrow(/two .* "X"/);
});

it("loads nothing of a week that is not out, and says when it will be", async () => {
  const spine = await spineOn(localTo(await serve({ today: "2026-03-20" })));
  const { run } = await ingest(spine);
  expect(run).toMatchObject({
    status: "FAILED",
    error: { code: "SOURCE_NO_ROWS", detail: { published_on: "2026-03-23" } },
  });
});
