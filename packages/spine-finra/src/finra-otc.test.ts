import { type Page, type Source, SpineError } from "spine-core";
import { testSource } from "spine-core/testing";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { finraOtc } from "./finra-otc.ts";
import type { FinraOtcOptions } from "./finra-otc-options.ts";
import { generateWeek } from "./testing/generate-week.ts";
import { SAMPLE_WEEK } from "./testing/sample-week.ts";
import { type FinraServer, startFinraServer } from "./testing/server/finra-server.ts";
import type { FinraServerOptions } from "./testing/server/finra-server-options.ts";
import { TIERS } from "./tiers.ts";
import type { FinraOtcRequest } from "./week-query.ts";
import { WEEKLY_FILE_COLUMNS, type WeeklyRow } from "./weekly-file-columns.ts";

const T1 = { tier: "T1", week_start: SAMPLE_WEEK } as const;

async function serve(options: FinraServerOptions = {}): Promise<FinraServer> {
  const server = await startFinraServer({ symbols: 12, weeks: 8, requestsPerSecond: null, ...options });
  onTestFinished(() => server.close());
  return server;
}

const localTo = ({ url }: FinraServer) =>
  ({ baseUrl: url, origin: "SAMPLE", allowPrivate: true, requestsPerSecond: null }) as const;

function sourceOf(server: FinraServer, options: FinraOtcOptions = {}) {
  return finraOtc({ ...localTo(server), pageRows: 40, ...options });
}

type WeekSource = Source<FinraOtcRequest, WeeklyRow>;

async function pagesOf(source: WeekSource, request: FinraOtcRequest = T1, cursor: Page["cursor"] = null) {
  const pages: Page<WeeklyRow>[] = [];
  for await (const page of source.stream(request, { cursor })) pages.push(page);
  return pages;
}

const rowsOf = async (...args: Parameters<typeof pagesOf>) =>
  (await pagesOf(...args)).flatMap(({ rows }) => rows);

async function failure(work: Promise<unknown>): Promise<SpineError> {
  const error: unknown = await work.catch((thrown: unknown) => thrown);
  if (SpineError.is(error)) return error;
  throw new Error(`expected a SpineError, got ${String(error)}`);
}

const text = (row: WeeklyRow) => WEEKLY_FILE_COLUMNS.map((name) => row[name]).join("|");

describe("finraOtc", () => {
  it.each(TIERS)("delivers the rows of the weekly file of %s, over several pages", async (tier) => {
    const server = await serve();
    const rows = await rowsOf(sourceOf(server, { pageRows: 12 }), { tier, week_start: SAMPLE_WEEK });
    const { text: file } = generateWeek({ weekStart: SAMPLE_WEEK, tier, symbols: 12 });
    // The bad rows are among them: what to think of a row is the transform's to say.
    expect(
      rows
        .map(text)
        .filter((row) => !row.includes("|ZQBAD|"))
        .sort(),
    ).toEqual(
      file
        .split("\n")
        .slice(1)
        .filter((row) => row !== "" && !row.includes("|ZQBAD|"))
        .sort(),
    );
    expect(server.pages).toBeGreaterThan(2);
    expect(server.requests.every(({ method }) => method === "POST")).toBe(true);
  });

  it("counts records, and goes on behind each page without asking for an earlier one", async () => {
    const server = await serve();
    const source = sourceOf(server);
    const pages = await pagesOf(source);
    const all = pages.flatMap(({ rows }) => rows);
    expect(pages.flatMap(({ lines }) => lines)).toEqual(all.map((_row, index) => index + 1));
    let delivered = 0;
    for (const page of pages) {
      delivered += page.rows.length;
      const before = server.requests.length;
      const cursor = JSON.parse(JSON.stringify(page.cursor)) as Page["cursor"];
      expect(await rowsOf(source, T1, cursor)).toEqual(all.slice(delivered));
      const [next] = server.requests.slice(before);
      // One row of overlap: that nothing moved is seen in the answer itself.
      if (delivered < all.length) expect(next?.body?.offset).toBe(delivered - 1);
    }
  });

  it("goes on at another address of the same service", async () => {
    const all = await rowsOf(sourceOf(await serve()));
    const [first] = await pagesOf(sourceOf(await serve()));
    const moved = await serve();
    expect(await rowsOf(sourceOf(moved), T1, first?.cursor)).toEqual(all.slice(first?.rows.length));
    expect(moved.requests[0]?.body?.offset).toBe(39);
  });

  it("goes by the rows that came, not by those that were asked for", async () => {
    const server = await serve({ pageBytes: 3_000 });
    const rows = await rowsOf(sourceOf(server));
    const whole = await serve();
    expect(rows).toEqual(await rowsOf(sourceOf(whole)));
  });

  it("says of a week that is not out when it comes out", async () => {
    for (const empty of [204, "[]"] as const) {
      const error = await failure(
        rowsOf(sourceOf(await serve({ empty })), { tier: "OTCE", week_start: "2026-03-16" }),
      );
      expect(error).toMatchObject({ code: "SOURCE_NO_ROWS", category: "SOURCE", retryable: false });
      expect(error.message).toContain("first publishes it on 2026-04-20");
      expect(error.detail).toEqual({ published_on: "2026-04-20" });
    }
  });

  it.each<[string, (server: FinraServer, pages: number) => void]>([
    // On the last page: no later one begins otherwise than it ends.
    ["a row comes twice", (server, pages) => server.inject({ page: pages, kind: "doubled" })],
    ["the total changes", (server) => server.inject({ page: 2, kind: { totalOff: 1 } })],
    ["rows come in no order any more", (server) => server.inject({ page: 2, times: 9, kind: "unsorted" })],
  ])("is SOURCE_CHANGED when %s", async (_what, change) => {
    const server = await serve();
    const { length: pages } = await pagesOf(sourceOf(server));
    change(server, pages);
    expect(await failure(rowsOf(sourceOf(server)))).toMatchObject({ code: "SOURCE_CHANGED" });
  });

  // Where a restatement strikes is another place for each of these days.
  const days = ["2026-04-06", "2026-04-07", "2026-04-08", "2026-04-09", "2026-04-10"];
  const kinds: readonly [string, object][] = [
    ["other numbers", { changed: 3 }],
    ["a row more and one less", { changed: 0, added: 1, removed: 1 }],
    ["a row less", { changed: 0, removed: 1 }],
    ["all of it", { changed: 60, added: 2, removed: 1 }],
  ];
  it.each(kinds)(
    "restated while it is read, it is SOURCE_CHANGED or read as it is now: %s",
    async (_what, change) => {
      const server = await serve();
      const source = sourceOf(server);
      let changed = 0;
      for (const on of days) {
        const stream = source.stream(T1)[Symbol.asyncIterator]();
        const rows: WeeklyRow[] = [];
        const read = async () => {
          for (let next = await stream.next(); !next.done; next = await stream.next()) {
            rows.push(...next.value.rows);
            if (rows.length === next.value.rows.length)
              server.restate({ weekStart: SAMPLE_WEEK, tier: "T1", on, ...change });
          }
        };
        const outcome: unknown = await read().catch((error: unknown) => error);
        if (outcome !== undefined) {
          expect(outcome).toMatchObject({ code: "SOURCE_CHANGED" });
          changed += 1;
        }
        const now = await rowsOf(source);
        if (outcome === undefined) expect(rows).toEqual(now);
      }
      expect(changed).toBeGreaterThan(0);
    },
  );

  it("looks for a restatement at the end also where it died right before", async () => {
    const server = await serve();
    const source = sourceOf(server);
    const last = (await pagesOf(source)).at(-1)?.cursor;
    expect(await rowsOf(source, T1, last)).toEqual([]);
    server.restate({ weekStart: SAMPLE_WEEK, tier: "T1", on: "2026-04-09", changed: 1 });
    expect(await failure(rowsOf(source, T1, last))).toMatchObject({ code: "SOURCE_CHANGED" });
    // A single page was one answer: it is what it was.
    const whole = sourceOf(server, { pageRows: 5_000 });
    const [only, ...others] = await pagesOf(whole);
    expect(others).toEqual([]);
    server.restate({ weekStart: SAMPLE_WEEK, tier: "T1", on: "2026-04-10", changed: 1 });
    expect(await rowsOf(whole, T1, only?.cursor)).toEqual([]);
  });

  it("takes rows without a date as they come", async () => {
    const row = {
      weekStartDate: SAMPLE_WEEK,
      tierIdentifier: "T1",
      summaryTypeCode: "ATS_W_SMBL_FIRM",
      MPID: "UBSA",
    };
    const dates = ["2026-03-23", null, "2026-04-07", null, "2026-03-23"];
    const server = await serve({
      rows: dates.map((lastUpdateDate, index) => ({
        ...row,
        issueSymbolIdentifier: `Q${index}`,
        lastUpdateDate,
      })),
    });
    const rows = await rowsOf(sourceOf(server, { pageRows: 2 }));
    expect(rows.map(({ lastUpdateDate }) => lastUpdateDate || null)).toEqual(dates);
  });

  it("is SOURCE_CHANGED when it goes on and the rows stand otherwise than before", async () => {
    const server = await serve();
    const source = sourceOf(server);
    const [first] = await pagesOf(source);
    server.inject({ kind: "unsorted" });
    expect(await failure(rowsOf(source, T1, first?.cursor))).toMatchObject({ code: "SOURCE_CHANGED" });
    server.inject({ kind: { totalOff: 2 } });
    expect(await failure(rowsOf(source, T1, first?.cursor))).toMatchObject({ code: "SOURCE_CHANGED" });
    const other = sourceOf(await serve({ seed: 2 }));
    expect(await failure(rowsOf(other, T1, first?.cursor))).toMatchObject({ code: "SOURCE_CHANGED" });
  });

  it("takes nothing from a service that does not heed the filters", async () => {
    const server = await serve();
    server.inject({ kind: "unfiltered" });
    const error = await failure(rowsOf(sourceOf(server)));
    expect(error).toMatchObject({ code: "SOURCE_MALFORMED", retryable: false });
    expect(error.message).toContain("does not heed the filters");
  });

  it("proves who it is with credentials from the environment, and again when its token has run out", async () => {
    const credentials = { clientId: "SPINE_TEST_ID", clientSecret: "SPINE_TEST_SECRET" };
    const server = await serve({
      requireToken: true,
      credentials: { clientId: "me", clientSecret: "s:e cret" },
    });
    vi.stubEnv(credentials.clientId, "me");
    vi.stubEnv(credentials.clientSecret, "s:e cret");
    onTestFinished(() => void vi.unstubAllEnvs());
    const source = sourceOf(server, {
      credentials: {
        clientId: "env:SPINE_TEST_ID",
        clientSecret: "env:SPINE_TEST_SECRET",
        tokenUrl: server.tokenUrl,
      },
    });
    const whole = await rowsOf(source);
    expect(whole.length).toBeGreaterThan(40);
    server.expireTokens();
    expect(await rowsOf(source)).toEqual(whole);
    const statuses = server.requests.map(({ path, status }) => (path.includes("oauth2") ? "token" : status));
    expect(statuses.filter((status) => status === "token")).toHaveLength(2);
    expect(statuses.filter((status) => status === 401)).toHaveLength(1);
    // Without credentials there is nothing to try again.
    expect(await failure(rowsOf(sourceOf(server)))).toMatchObject({
      code: "PERMISSION_DENIED",
      retryable: false,
    });
    vi.stubEnv(credentials.clientSecret, "hunter2");
    const refused = await failure(
      rowsOf(
        sourceOf(server, {
          credentials: {
            clientId: "env:SPINE_TEST_ID",
            clientSecret: "env:SPINE_TEST_SECRET",
            tokenUrl: server.tokenUrl,
          },
        }),
      ),
    );
    expect(refused).toMatchObject({ code: "PERMISSION_DENIED" });
    expect(refused.message).not.toContain("hunter2");
  });

  it.each([
    ["a status 503", { status: 503 }],
    ["too many requests for a moment", { status: 429, retryAfter: 1 }],
    ["a body that is cut off", { cutAfter: 700 }],
  ] as const)("gets over %s, and still has every row once", async (_what, kind) => {
    const server = await serve();
    const whole = await rowsOf(sourceOf(server));
    server.inject({ page: 2, kind });
    expect(await rowsOf(sourceOf(server))).toEqual(whole);
  });

  it.each([
    ["RATE_LIMITED", "too many requests for an hour", { status: 429, retryAfter: 3_600 }],
    ["PERMISSION_DENIED", "no right to the data", { status: 403 }],
    ["SOURCE_REFUSED", "a query that is not understood", { status: 400 }],
    ["SOURCE_FORMAT", "a page of the web", "html"],
  ] as const)("says %s of %s", async (code, _what, kind) => {
    const server = await serve();
    server.inject({ page: 2, times: 9, kind });
    const error = await failure(rowsOf(sourceOf(server)));
    expect(error).toMatchObject({ code });
    if (code === "RATE_LIMITED") expect(error).toMatchObject({ retryable: true, retryAfterMs: 3_600_000 });
  });

  it("says which service cannot be reached", async () => {
    const server = await serve();
    const source = sourceOf(server);
    await server.close();
    const error = await failure(rowsOf(source));
    expect(error).toMatchObject({ retryable: true });
    expect(error.message).toContain(server.url);
  });

  it.each<[string, FinraOtcOptions]>([
    ["origin", { baseUrl: "http://127.0.0.1:1" }],
    ["origin", { baseUrl: "http://127.0.0.1:1", origin: "FINRA" }],
    ["origin", { origin: "SAMPLE" }],
    ["baseUrl", { baseUrl: "ftp://x", origin: "x" }],
    ["pageRows", { pageRows: 5_001 }],
    ["credentials.clientId", { credentials: { clientId: "hunter2", clientSecret: "env:X" } }],
    ["pagerows", { pagerows: 5 } as FinraOtcOptions],
  ])("refuses options that are wrong: %s, %j", (named, options) => {
    expect(() => finraOtc(options)).toThrow(named);
    expect(() => finraOtc(options)).not.toThrow("hunter2");
  });
});

const SAMPLES = "samples";
const numbered = (id: string) => id.padStart(6, "0");

// The suite's rows travel as rows of FINRA's, and are read back from what they become.
testSource("finraOtc", {
  async make(rows, pageRows) {
    const server = await startFinraServer({
      requestsPerSecond: null,
      pageRows,
      rows: rows.map((row) => ({
        weekStartDate: SAMPLE_WEEK,
        tierIdentifier: "T1",
        summaryTypeCode: "ATS_W_SMBL_FIRM",
        issueSymbolIdentifier: numbered(String(row.id)),
        MPID: SAMPLES,
        marketParticipantName: String(row.symbol),
        issueName: String(row.note),
        lastUpdateDate: "2026-03-23",
      })),
    });
    const source = finraOtc(localTo(server));
    return {
      source: {
        name: source.name,
        async *stream(request: FinraOtcRequest, options) {
          for await (const page of source.stream(request, options)) {
            const read = page.rows.map((row) => ({
              id: String(Number(row.issueSymbolIdentifier)),
              symbol: row.marketParticipantName.slice(SAMPLES.length + 1),
              note: row.issueName,
            }));
            yield { ...page, rows: read };
          }
        },
      },
      request: T1,
      dispose: () => server.close(),
    };
  },
  broken: async () => {
    const server = await startFinraServer({ symbols: 5, weeks: 8 });
    server.inject({ times: 99, kind: "html" });
    return {
      source: finraOtc(localTo(server)),
      request: T1,
      dispose: () => server.close(),
    };
  },
});
