import { memory, postgres } from "spine-adapters/databases";
import { createTestDatabase } from "spine-adapters/testing";
import { createSpine, type Database, type Spine, silentLogger } from "spine-core";
import { createHandler, insecureNoAuth, OPERATIONS, openApi, type SpineHandler } from "spine-http";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { INGEST_WEEK } from "../ingest-week-name.ts";
import { finra } from "../plugin.ts";
import { generateWeek } from "../testing/generate-week.ts";
import { SAMPLE_WEEK } from "../testing/sample-week.ts";
import { type FinraServer, startFinraServer } from "../testing/server/finra-server.ts";
import { finraOperations } from "./finra-operations.ts";

const DATABASES: readonly (readonly [string, () => Promise<Database>])[] = [
  ["SQLite", async () => memory()],
  [
    "Postgres",
    async () => {
      const url = await createTestDatabase();
      return postgres({ url, schema: "spine", tableSchema: "public" });
    },
  ],
];
let server: FinraServer;
beforeAll(async () => {
  server = await startFinraServer({ symbols: 20, weeks: 8, requestsPerSecond: null });
});
afterAll(() => server.close());

describe.each(DATABASES)("%s", (_name, open) => {
  let spine: Spine;
  let handler: SpineHandler;

  beforeAll(async () => {
    const local = { origin: "SAMPLE", baseUrl: server.url, allowPrivate: true, requestsPerSecond: null };
    spine = await createSpine({
      database: await open(),
      plugins: [finra({ queryApi: local })],
      logger: silentLogger,
    });
    handler = createHandler(spine, {
      auth: insecureNoAuth({ allowRemote: true }),
      operations: finraOperations(),
    });
  });
  afterAll(async () => {
    handler.close();
    await spine.stop();
  });

  /** The answer, held against the schemas of the table. */
  const ask = async (method: string, path: string, body?: object) => {
    const response = await handler.fetch(
      new Request(`http://localhost${path}`, {
        method,
        ...(body ? { body: JSON.stringify(body) } : {}),
        headers: { "content-type": "application/json", prefer: "wait=20", "idempotency-key": "one" },
      }),
    );
    const json: unknown = await response.json();
    const asked = path.split("?")[0] ?? "";
    const operation =
      finraOperations().find((each) => asked === each.path) ??
      finraOperations().find(
        (each) => each.path.includes("{") && asked.startsWith(each.path.replace(/\{.*/, "")),
      );
    const schema = (operation?.responses as Record<number, { parse(value: unknown): unknown }> | undefined)?.[
      response.status
    ];
    schema?.parse(json);
    return { status: response.status, json };
  };

  test("ingests a week, and shows its rows, the greatest volume first, exactly", async () => {
    const started = await ask("POST", "/finra/ingest", {
      tier: "T1",
      week_ending: "2026-03-06",
      source: "SAMPLE",
    });
    expect(started).toMatchObject({ status: 200, json: { status: "COMPLETED", existing: false } });
    const again = await ask("POST", "/finra/ingest", {
      tier: "T1",
      week_ending: "2026-03-06",
      source: "SAMPLE",
    });
    expect(again.json).toMatchObject({ existing: true });
    const { execution_id: id } = started.json as { readonly execution_id: string };
    const status = await ask("GET", `/finra/ingest/status/${id}`);
    expect(status).toMatchObject({
      status: 200,
      json: {
        execution_id: id,
        status: "COMPLETED",
        tier: "T1",
        week_ending: "2026-03-06",
        duration_seconds: expect.any(Number),
        error: null,
      },
    });
    const { steps, metrics } = status.json as {
      readonly steps: readonly { readonly name: string; readonly records_processed: number | null }[];
      readonly metrics: Readonly<Record<string, number>>;
    };
    expect(steps.map(({ name }) => name)).toEqual(["fetch", "transform", "quality", "load", "summary"]);
    expect(steps[3]?.records_processed).toBe(metrics.total_records);
    expect(steps[4]?.records_processed).toBeNull();
    expect((await ask("GET", "/finra/ingest/status/x")).status).toBe(404);
    const { expected } = generateWeek({ weekStart: SAMPLE_WEEK, tier: "T1", symbols: 20 });

    const { json } = await ask("GET", "/finra/trade-activity?tier=T1&week_ending=2026-03-04&limit=1000");
    const { items, ...week } = json as { items: { symbol: string; shares: string; trades: number }[] };
    expect(week).toMatchObject({
      tier: "T1",
      week_start: "2026-03-02",
      week_ending: "2026-03-06",
      source: "SAMPLE",
    });
    expect(JSON.stringify(week)).toContain("no real trades");
    expect(items).toHaveLength(expected.rows);
    // As numbers, not as texts: 9 is less than 10.
    const shares = items.map((row) => Number(row.shares));
    expect(shares).toEqual(shares.toSorted((a, b) => b - a));
    expect(items.reduce((sum, { trades }) => sum + trades, 0)).toBe(expected.trades);
    const symbol = items[0]?.symbol ?? "";
    const one = await ask("GET", `/finra/trade-activity?tier=T1&week_ending=2026-03-06&symbol=${symbol}`);
    expect(new Set((one.json as { readonly items: typeof items }).items.map((row) => row.symbol))).toEqual(
      new Set([symbol]),
    );

    const totals = await ask("GET", "/finra/week?tier=T1&week_ending=2026-03-06&limit=3");
    expect(totals.json).toMatchObject({
      rows: expected.rows,
      shares: expected.shares,
      top_venues: expect.any(Array),
    });
    const none = await ask("GET", "/finra/week?tier=OTC&week_ending=2026-03-06");
    expect(none.json).toMatchObject({ tier: "OTCE", rows: 0, source: null });
  });

  test("shows the weeks that are loaded, the newest first, with their totals", async () => {
    for (const week_ending of ["2026-02-27", "2026-02-20"])
      await spine.run(INGEST_WEEK, { tier: "T2", week_ending, source: "SAMPLE" }).then((run) => run.result());
    const { json } = await ask("GET", "/finra/weeks?tier=T2&limit=5");
    const sums = ["2026-02-23", "2026-02-16"].map((week_start) => {
      const { expected } = generateWeek({ weekStart: week_start, tier: "T2", symbols: 20 });
      const { rows, shares, trades } = expected;
      return expect.objectContaining({ week_start, source: "SAMPLE", rows, shares, trades });
    });
    expect(json).toMatchObject({ tier: "T2", items: sums });
    expect(JSON.stringify(json)).toContain("no real trades");
    const one = await ask("GET", "/finra/weeks?tier=T2&limit=1");
    expect(one.json).toMatchObject({ items: [{ week_ending: "2026-02-27" }] });
    expect((await ask("GET", "/finra/weeks?tier=OTC")).json).toMatchObject({ tier: "OTCE", items: [] });
  });

  test("refuses tiers and days that there are not", async () => {
    for (const query of [
      "tier=T9&week_ending=2026-03-06",
      "tier=T1&week_ending=soon",
      "tier=T1",
      "tier=T1&week_ending=2026-03-06&limit=1001",
    ])
      expect(await ask("GET", `/finra/trade-activity?${query}`)).toMatchObject({
        status: 400,
        json: { code: "bad-query" },
      });
    expect(await ask("POST", "/finra/ingest", { tier: "T9" })).toMatchObject({ status: 422 });
  });
});

test("they stand in OpenAPI beside the built-in ones", () => {
  const { paths } = openApi([...OPERATIONS, ...finraOperations()], "");
  expect(Object.keys(paths)).toEqual(
    expect.arrayContaining(["/finra/trade-activity", "/finra/week", "/finra/ingest", "/health"]),
  );
});
