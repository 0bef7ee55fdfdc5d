import { existsSync, readFileSync } from "node:fs";
import { fromUnits, toUnits } from "spine-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { publishedOn } from "../../publication.ts";
import { TIERS } from "../../tiers.ts";
import { generateWeek } from "../generate-week.ts";
import { SAMPLE_WEEK } from "../sample-week.ts";
import { type FinraServer, startFinraServer } from "./finra-server.ts";
import type { FinraServerOptions } from "./finra-server-options.ts";
import type { QueryRecord } from "./query-record.ts";

const SMALL = { symbols: 12, weeks: 8, requestsPerSecond: null } as const;
const T1 = [
  { fieldName: "weekStartDate", compareType: "EQUAL", fieldValue: SAMPLE_WEEK },
  { fieldName: "tierIdentifier", compareType: "equal", fieldValue: "T1" },
];
const GRAIN = { fieldName: "summaryTypeCode", compareType: "EQUAL", fieldValue: "ATS_W_SMBL_FIRM" };
const SORT = ["issueSymbolIdentifier", "MPID", "issueName"];

let server: FinraServer;
beforeAll(async () => {
  server = await startFinraServer(SMALL);
});
afterAll(() => server.close());

interface Asked {
  readonly path?: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly at?: FinraServer;
}

async function ask(body: object | string | null, { path, method, headers, at = server }: Asked = {}) {
  const sent = body === null ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) };
  return await fetch(`${at.url}${path ?? "/data/group/otcMarket/name/weeklySummary"}`, {
    method: method ?? (body === null ? "GET" : "POST"),
    headers: { Accept: "application/json", "Content-Type": "application/json", ...headers },
    ...sent,
  });
}

async function rowsOf(body: object, asked: Asked = {}): Promise<readonly QueryRecord[]> {
  const response = await ask(body, asked);
  expect(response.status).toBe(200);
  return (await response.json()) as readonly QueryRecord[];
}

const keyOf = (row: QueryRecord) => JSON.stringify([row.issueSymbolIdentifier, row.MPID, row.issueName]);

/** A server of its own for one test. */
const own = async (options: FinraServerOptions = {}) => await startFinraServer({ ...SMALL, ...options });

describe("a query", () => {
  it("is answered with the rows of the weekly file, as the API has them", async () => {
    for (const tier of TIERS) {
      const filters = [T1[0], { ...T1[1], fieldValue: tier }, GRAIN];
      const rows = await rowsOf({ compareFilters: filters, limit: 5_000 });
      const { text, expected } = generateWeek({ weekStart: SAMPLE_WEEK, tier, symbols: SMALL.symbols });
      const lines = text.split("\n").map((line) => line.split("|"));
      const inFile = new Map(
        lines.map(([, symbol, name, , mpid, shares, trades]) => [
          `${symbol}|${name}|${mpid}`,
          [Number(shares), Number(trades)],
        ]),
      );
      const good = rows.filter(
        (row) => row.issueSymbolIdentifier !== null && Number(row.totalWeeklyShareQuantity) > 0,
      );
      expect(good).toHaveLength(expected.rows);
      for (const row of good) {
        expect([row.totalWeeklyShareQuantity, row.totalWeeklyTradeCount]).toEqual(
          inFile.get(`${row.issueSymbolIdentifier}|${row.issueName}|${row.MPID}`),
        );
        expect(row).toMatchObject({
          tierIdentifier: tier,
          weekStartDate: SAMPLE_WEEK,
          initialPublishedDate: publishedOn(SAMPLE_WEEK, tier),
          lastUpdateDate: publishedOn(SAMPLE_WEEK, tier),
          productTypeCode: tier === "OTCE" ? null : expect.stringMatching(/^(UTP|CTS)$/),
        });
      }
      // One without a symbol, one with negative shares: what a partition can have of the file's bad rows.
      expect(rows.length - good.length).toBe(2);
    }
  });

  it("has the same shares at every grain, so that adding them up counts them several times", async () => {
    const rows = await rowsOf({ compareFilters: T1, limit: 5_000 });
    const sum = (code: string) => {
      const of = rows.filter(
        (row) =>
          row.summaryTypeCode === code && (row.issueSymbolIdentifier !== null) === code.includes("SMBL"),
      );
      const units = of
        .map((row) => toUnits(String(row.totalWeeklyShareQuantity), 6))
        .filter((one) => one > 0n);
      return fromUnits(
        units.reduce((so, one) => so + one, 0n),
        6,
      );
    };
    const { shares } = generateWeek({ weekStart: SAMPLE_WEEK, tier: "T1", symbols: SMALL.symbols }).expected;
    for (const code of ["ATS_W_SMBL_FIRM", "ATS_W_SMBL", "ATS_W_FIRM", "ATS_W_VOL_STATS"])
      expect([code, sum(code)]).toEqual([code, shares]);
  });

  it("has no order of rows, another one each time, and one where a sort is asked for", async () => {
    const asked = { compareFilters: [...T1, GRAIN], limit: 5_000 };
    const [one, other] = [await rowsOf(asked), await rowsOf(asked)];
    expect(one.map(keyOf)).not.toEqual(other.map(keyOf));
    expect(one.map(keyOf).sort()).toEqual(other.map(keyOf).sort());
    expect(new Set(one.slice(0, 20).map((row) => Object.keys(row).join())).size).toBeGreaterThan(1);
    const sorted = await rowsOf({ ...asked, sortFields: SORT });
    const symbols = sorted.map((row) => row.issueSymbolIdentifier).filter((symbol) => symbol !== null);
    expect(symbols).toEqual([...symbols].sort());
    expect((await rowsOf({ ...asked, sortFields: SORT })).map(keyOf)).toEqual(sorted.map(keyOf));
    const down = await rowsOf({
      ...asked,
      sortFields: ["-totalWeeklyShareQuantity"],
      fields: ["totalWeeklyShareQuantity"],
    });
    const shares = down.map((row) => Number(row.totalWeeklyShareQuantity));
    expect(shares).toEqual([...shares].sort((a, b) => b - a));
    expect(Object.keys(down[0] ?? {})).toEqual(["totalWeeklyShareQuantity"]);
  });

  it("is cut after 5,000 rows or 3 MB, whichever comes first, and offset counts rows", async () => {
    await using small = await own({ pageRows: 40, pageBytes: 8_000 });
    const asked = { compareFilters: [...T1, GRAIN], sortFields: SORT, limit: 5_000 };
    const all = await rowsOf(asked);
    const seen: QueryRecord[] = [];
    const sizes: number[] = [];
    while (seen.length < all.length) {
      const response = await ask({ ...asked, offset: seen.length }, { at: small });
      const page = (await response.json()) as QueryRecord[];
      const header = (name: string) => Number(response.headers.get(name));
      expect(header("record-total")).toBe(all.length);
      expect([header("record-offset"), header("total-records-on-page")]).toEqual([seen.length, page.length]);
      expect([header("record-limit"), header("record-max-limit")]).toEqual([40, 40]);
      expect(JSON.stringify(page).length).toBeLessThanOrEqual(8_000);
      sizes.push(page.length);
      seen.push(...page);
    }
    expect(seen.map(keyOf)).toEqual(all.map(keyOf));
    // By bytes: fewer rows than the limit, and not the same number each time.
    expect(Math.max(...sizes)).toBeLessThan(40);
    expect(small.pages).toBe(sizes.length);
    expect((await ask({ ...asked, offset: all.length })).status).toBe(204);
  });

  it("filters as it is told", async () => {
    const count = async (filters: object) =>
      (await rowsOf({ compareFilters: [...T1, GRAIN], limit: 5_000, fields: ["MPID"], ...filters })).length;
    const compare = (compareType: string, fieldName: string, fieldValue: unknown) => ({
      compareFilters: [...T1, GRAIN, { compareType, fieldName, fieldValue }],
    });
    const all = await count({});
    const ubsa = await count(compare("EQUAL", "MPID", "UBSA"));
    expect(ubsa).toBeGreaterThan(0);
    expect(await count(compare("NOT_EQUAL", "MPID", "UBSA"))).toBe(all - ubsa);
    expect(await count(compare("begins_with", "MPID", "UB"))).toBe(ubsa);
    const many = await count(compare("GREATER", "totalWeeklyTradeCount", 1_000));
    expect(many).toBeGreaterThan(0);
    expect(await count(compare("LTE", "totalWeeklyTradeCount", "1000"))).toBe(all - many);
    expect(await count({ domainFilters: [{ fieldName: "MPID", values: ["UBSA", "NONE"] }] })).toBe(ubsa);
    const weeks = await rowsOf({
      dateRangeFilters: [
        { fieldName: "weekStartDate", startDate: "2026-02-16", endDate: "2026-03-02 00:00:00.000" },
      ],
      compareFilters: [{ compareType: "EQUAL", fieldName: "summaryTypeCode", fieldValue: "ATS_W_VOL_STATS" }],
      fields: ["weekStartDate", "tierIdentifier"],
    });
    expect(weeks).toHaveLength(9);
  });

  it("of a symbol over many weeks needs no partition", async () => {
    const rows = await rowsOf({
      compareFilters: [
        { compareType: "EQUAL", fieldName: "issueSymbolIdentifier", fieldValue: "TRUE" },
        { compareType: "EQUAL", fieldName: "summaryTypeCode", fieldValue: "ATS_W_SMBL" },
        { compareType: "EQUAL", fieldName: "tierIdentifier", fieldValue: "T1" },
      ],
    });
    // Three weeks behind, five for the other tiers.
    expect(rows.map((row) => row.weekStartDate).sort()).toEqual([
      "2026-02-16",
      "2026-02-23",
      "2026-03-02",
      "2026-03-09",
      "2026-03-16",
    ]);
  });

  it("without rows is 204 and no body, or an empty array", async () => {
    const none = { compareFilters: [{ ...T1[0], fieldValue: "2019-01-07" }, T1[1]] };
    const response = await ask(none);
    expect([response.status, await response.text()]).toEqual([204, ""]);
    await using other = await own({ empty: "[]" });
    const documented = await ask(none, { at: other });
    expect([documented.status, await documented.text()]).toEqual([200, "[]"]);
  });

  it("as GET has its filters ignored: page 1 of everything, with status 200", async () => {
    const path =
      "/data/group/otcMarket/name/weeklySummary?tierIdentifier=T1&weekStartDate=2026-03-02&limit=1000&offset=5";
    const response = await ask(null, { path });
    const rows = (await response.json()) as QueryRecord[];
    expect([response.status, rows.length, response.headers.get("record-offset")]).toEqual([200, 1000, "5"]);
    expect(new Set(rows.map((row) => row.tierIdentifier)).size).toBe(3);
    expect(new Set(rows.map((row) => row.weekStartDate)).size).toBeGreaterThan(2);
  });

  it("is CSV where JSON is not asked for, in any case of group and dataset, and of mock data", async () => {
    const asked = { compareFilters: [...T1, GRAIN], fields: ["MPID", "issueName"], limit: 2 };
    const path = "/data/group/OTCMARKET/name/weeklysummaryMock";
    const quoted = await ask(asked, { path, headers: { Accept: "text/plain" } });
    expect(quoted.headers.get("content-type")).toBe("text/plain");
    expect(await quoted.text()).toMatch(/^"MPID","issueName"\n"[A-Z]{4}",".*"\n"[A-Z]{4}",".*"\n$/);
    const bare = await ask(
      { ...asked, quoteValues: false, delimiter: "|" },
      { path, headers: { Accept: "*/*" } },
    );
    expect(await bare.text()).toMatch(/^MPID\|issueName\n[A-Z]{4}\|/);
  });

  it("compresses what is large", async () => {
    const large = await ask({ compareFilters: [...T1, GRAIN], limit: 5_000 });
    expect(large.headers.get("content-encoding")).toBe("gzip");
    expect(await large.json()).not.toHaveLength(0);
  });

  it.each([
    [
      400,
      "Invalid date field format. Must be yyyy-MM-dd or yyyy-MM-dd HH:mm:ss.SSS",
      { compareFilters: [{ ...T1[0], fieldValue: "02.03.2026" }] },
      {},
    ],
    [
      400,
      "Sorting is allowed only if all partitions keys are specified in EQUAL CompareFilter.Partition keys missing or not using EQUAL CompareFilter: tierIdentifier",
      { compareFilters: [T1[0]], sortFields: ["MPID"] },
      {},
    ],
    [400, "Field nope is not part of dataset weeklySummary", { fields: ["nope"] }, {}],
    [400, "Request body is not valid JSON", "{", {}],
    [400, "500000", { offset: 500_001 }, {}],
    [400, "limit", { limit: 0 }, {}],
    [
      400,
      "cannot be filtered",
      { compareFilters: [GRAIN] },
      { path: "/data/group/otcMarket/name/weeklySummaryHistoric" },
    ],
    [404, "Not Found", {}, { path: "/data/group/otcMarket/name/monthlySummary" }],
    [405, "Method Not Allowed", {}, { method: "PUT" }],
    [406, "Not Acceptable", {}, { headers: { Accept: "application/xml" } }],
    [415, "Unsupported Media Type", {}, { headers: { "Content-Type": "text/plain" } }],
  ] as const)("is refused: %i %s", async (status, message, body, asked) => {
    const response = await ask(body, asked);
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({
      statusCode: status,
      statusDescription: expect.any(String),
      requestId: expect.stringMatching(/^[\da-f-]{36}$/),
      message: expect.stringContaining(message),
    });
  });
});

const recorded = new URL("../../../../../../shared/data/finra-query-api-recorded/", import.meta.url);
const present = existsSync(recorded);
const withRecordings = it.skipIf(!present);
const reason = present ? "" : " (skipped: recorded exchanges not present)";

describe("beside what was recorded", () => {
  const read = (name: string) => JSON.parse(readFileSync(new URL(name, recorded), "utf8"));

  withRecordings(`a query answers with the same headers, fields and types${reason}`, async () => {
    const { request, response } = read("recorded_exchanges.json").weeklySummary;
    const filters = request.body.compareFilters.map((filter: { fieldName: string }) =>
      filter.fieldName === "weekStartDate" ? { ...filter, fieldValue: SAMPLE_WEEK } : { ...filter },
    );
    const asked = { ...request.body, compareFilters: filters.slice(0, 3) };
    const ours = await ask(asked, { headers: request.headers });
    for (const name of Object.keys(response.headers)) {
      if (/^(server|date|content-encoding|transfer-encoding)$/i.test(name)) continue;
      expect([name, ours.headers.has(name)]).toEqual([name, true]);
    }
    for (const name of [
      "Content-Type",
      "Record-Limit",
      "Record-Max-Limit",
      "Record-Offset",
      "Response-Payload-Max-Size",
      "Vary",
      "X-Content-Type-Options",
    ]) {
      expect([name, ours.headers.get(name)]).toEqual([name, response.headers[name]]);
    }
    const types = (row: object) =>
      Object.fromEntries(
        Object.entries(row)
          .map(([name, value]) => [name, typeof value])
          .sort(),
      );
    const [row] = (await ours.json()) as object[];
    expect(types(row ?? {})).toEqual(types(response.body[0]));
    const [known] = read("weeklySummary_ATS_W_SMBL_T1_AAPL.first38of248.json");
    const [whole] = await rowsOf({ compareFilters: asked.compareFilters, limit: 1 });
    expect(types(whole ?? {})).toMatchObject(types(known));
  });

  withRecordings(`the list of weeks is asked for and answered in the same way${reason}`, async () => {
    const { request, response } = read("recorded_exchanges.json").weeklyDownloadDetails;
    const weeks = await rowsOf(request.body, { path: new URL(request.url).pathname });
    expect(weeks.map((row) => Object.keys(row))).toEqual(
      weeks.map(() => Object.keys(response.body_first22_of_52[0])),
    );
    expect(weeks.map((row) => row.weekStartDate)).toEqual([
      "2026-03-16",
      "2026-03-09",
      "2026-03-02",
      "2026-02-23",
      "2026-02-16",
    ]);
  });

  withRecordings(`errors have the same keys${reason}`, async () => {
    const { error_400_bad_date: bad } = read("recorded_exchanges.json");
    const ours = await ask({
      dateRangeFilters: [{ fieldName: "weekStartDate", startDate: "2017", endDate: "2399-12-31" }],
    });
    const body = (await ours.json()) as { message: string; dataRequest: object };
    expect(Object.keys(body).sort()).toEqual(Object.keys(bad.body).sort());
    expect(body.message).toBe(bad.body.message);
    expect(Object.keys(body.dataRequest).sort()).toEqual(Object.keys(bad.body.dataRequest).sort());
  });
});

describe("beside queries", () => {
  it("knows fields and partitions, the newest week first", async () => {
    const meta = await ask(null, { path: "/metadata/group/otcMarket/name/weeklySummary" });
    expect(await meta.json()).toMatchObject({
      partitionFields: ["weekStartDate", "tierIdentifier"],
      fields: expect.arrayContaining([{ name: "totalWeeklyShareQuantity", type: "Number" }]),
    });
    const partitions = await ask(null, { path: "/partitions/group/otcmarket/name/weeklysummary" });
    const { availablePartitions } = (await partitions.json()) as { availablePartitions: object[] };
    expect(availablePartitions.slice(0, 3)).toEqual([
      { partitions: ["2026-03-16", "T1"] },
      { partitions: ["2026-03-09", "T1"] },
      { partitions: ["2026-03-02", "T1"] },
    ]);
  });

  it("publishes a week when it is due, tier by tier", async () => {
    await using server = await own();
    const outcome = async (tier: string) =>
      (await ask({ compareFilters: [T1[0], { ...T1[1], fieldValue: tier }, GRAIN] }, { at: server })).status;
    server.today = "2026-03-22";
    expect([await outcome("T1"), await outcome("T2"), await outcome("OTCE")]).toEqual([204, 204, 204]);
    server.today = "2026-03-23";
    expect([await outcome("T1"), await outcome("T2"), await outcome("OTCE")]).toEqual([200, 204, 204]);
    server.today = "2026-04-06";
    expect([await outcome("T1"), await outcome("T2"), await outcome("OTCE")]).toEqual([200, 200, 200]);
  });

  it("has the weekly files, and 403 for one that is not there", async () => {
    const list = await ask(null, { path: "/equity/otcmarket/weekly/" });
    const { files } = (await list.json()) as { files: string[] };
    const { fileName, text } = generateWeek({ weekStart: SAMPLE_WEEK, tier: "T2", symbols: SMALL.symbols });
    expect(files).toContain(fileName);
    const file = await ask(null, { path: `/equity/otcmarket/weekly/${fileName}` });
    expect(await file.text()).toBe(text);
    const absent = await ask(null, { path: "/equity/otcmarket/weekly/finra_otc_weekly_tier2_20300101.csv" });
    expect([absent.status, await absent.text()]).toEqual([403, expect.stringContaining("AccessDenied")]);
  });

  it("restates a week: other shares and dates in some rows, in files too", async () => {
    await using server = await own();
    const asked = { compareFilters: [...T1, GRAIN], sortFields: SORT, limit: 5_000 };
    const before = await rowsOf(asked, { at: server });
    server.restate({
      weekStart: SAMPLE_WEEK,
      tier: "T1",
      on: "2026-04-08",
      changed: 4,
      removed: 1,
      added: 2,
    });
    const after = await rowsOf(asked, { at: server });
    expect(after).toHaveLength(before.length + 1);
    const restated = after.filter((row) => row.lastUpdateDate === "2026-04-08");
    expect(restated).toHaveLength(6);
    expect(new Set(restated.map((row) => row.initialPublishedDate))).toEqual(new Set(["2026-03-23"]));
    const file = await ask(null, {
      at: server,
      path: "/equity/otcmarket/weekly/finra_otc_weekly_tier1_20260323.csv",
    });
    const text = await file.text();
    expect(text.match(/\|2026-04-08\n/g)).toHaveLength(6);
    expect(text.trimEnd().split("\n")).toHaveLength(after.length + 1);
    server.today = "2026-04-07";
    expect((await rowsOf(asked, { at: server })).map(keyOf)).toEqual(before.map(keyOf));
  });

  it("answers an asynchronous request with 202 and a link, until it is complete", async () => {
    const asked = { compareFilters: [...T1, GRAIN], async: true };
    const begun = await ask(asked);
    const link = begun.headers.get("location") ?? "";
    expect([begun.status, link]).toEqual([
      202,
      expect.stringMatching(/^\/async-requests\/group\/otcMarket\/name\/weeklySummary\/[\da-f-]{36}$/),
    ]);
    expect((await begun.json()) as object).toMatchObject({ statusLink: link });
    expect((await ask(null, { path: link })).status).toBe(202);
    const done = await ask(null, { path: link });
    const { resultLink } = (await done.json()) as { resultLink: string };
    const rows = (await (await ask(null, { path: resultLink })).json()) as object[];
    const pages = await rowsOf({ compareFilters: asked.compareFilters, limit: 5_000 });
    expect(rows).toHaveLength(pages.length);
    expect(
      (await ask(null, { path: "/async-requests/group/otcMarket/name/weeklySummary/none" })).status,
    ).toBe(404);
  });

  it("gives tokens for credentials, and data for a token that is still valid", async () => {
    const credentials = { clientId: "me", clientSecret: "s:ecret" };
    await using server = await own({ credentials, requireToken: true });
    const token = async (basic: string | null, grant = "?grant_type=client_credentials") =>
      await fetch(`${server.tokenUrl}${grant}`, {
        method: "POST",
        headers: basic === null ? {} : { Authorization: `Basic ${Buffer.from(basic).toString("base64")}` },
      });
    // As recorded: 400, never 401.
    const refused = await token("me:wrong");
    expect([refused.status, await refused.json()]).toEqual([
      400,
      { error_message: "Invalid Credentials", error: "invalid_client" },
    ]);
    const none = await token(null);
    expect([none.status, await none.json()]).toEqual([
      400,
      { error_message: "Client credentials is required", error: "invalid_client" },
    ]);
    expect((await token("me:s:ecret", "")).status).toBe(400);
    const given = await token("me:s:ecret");
    const { access_token, token_type, expires_in } = (await given.json()) as Record<string, string>;
    expect([given.status, token_type, expires_in]).toEqual([200, "Bearer", 1_800]);
    const data = async (authorization?: string) =>
      (
        await ask(
          { compareFilters: T1 },
          { at: server, headers: authorization ? { Authorization: authorization } : {} },
        )
      ).status;
    expect([await data(), await data("Bearer nonsense"), await data(`Bearer ${access_token}`)]).toEqual([
      401, 401, 200,
    ]);
    server.expireTokens();
    expect(await data(`Bearer ${access_token}`)).toBe(401);
  });

  it("answers 429 with Retry-After when it is asked too often", async () => {
    await using server = await own({ requestsPerSecond: 2 });
    const answers = await Promise.all(
      [1, 2, 3, 4, 5].map(() => ask({ compareFilters: T1, limit: 1 }, { at: server })),
    );
    const refused = answers.filter(({ status }) => status === 429);
    // Two in a second, or up to two in each of two.
    expect([1, 2, 3]).toContain(refused.length);
    expect(refused.map(({ headers }) => headers.get("retry-after"))).toEqual(refused.map(() => "1"));
  });

  it("keeps a log of what it was asked", async () => {
    await using server = await own();
    await ask({ compareFilters: [...T1, GRAIN], limit: 3 }, { at: server });
    await ask(null, { at: server, path: "/nowhere" });
    expect(server.requests).toMatchObject([
      {
        method: "POST",
        path: "/data/group/otcMarket/name/weeklySummary",
        body: { limit: 3 },
        status: 200,
        rows: 3,
      },
      { method: "GET", path: "/nowhere", body: null, status: 404, rows: 0 },
    ]);
    expect(server.pages).toBe(1);
  });
});

describe("faults", () => {
  const asked = { compareFilters: [...T1, GRAIN], sortFields: SORT, limit: 10 };
  const statuses = async (at: FinraServer, times: number) => {
    const all = [];
    for (let i = 0; i < times; i++) all.push((await ask(asked, { at })).status);
    return all;
  };

  it("meet the requests that they are for", async () => {
    await using server = await own();
    server.inject({ page: 2, times: 2, kind: { status: 500 } });
    expect(await statuses(server, 5)).toEqual([200, 500, 500, 200, 200]);
    server.inject({ kind: { status: 429, retryAfter: "Wed, 21 Oct 2026 07:28:00 GMT" } });
    const limited = await ask(asked, { at: server });
    expect([limited.status, limited.headers.get("retry-after")]).toEqual([
      429,
      "Wed, 21 Oct 2026 07:28:00 GMT",
    ]);
    expect(await statuses(server, 1)).toEqual([200]);
  });

  it("cut, replace, delay and distort answers", async () => {
    await using server = await own();
    const whole = await rowsOf(asked, { at: server });
    server.inject({ kind: { cutAfter: 100 } });
    await expect(ask(asked, { at: server }).then((response) => response.text())).rejects.toThrow();
    server.inject({ kind: "html" });
    const page = await ask(asked, { at: server });
    expect([page.status, page.headers.get("content-type"), await page.text()]).toEqual([
      200,
      "text/html; charset=utf-8",
      expect.stringContaining("<html>"),
    ]);
    server.inject({ kind: { totalOff: -1 } });
    const total = async () => Number((await ask(asked, { at: server })).headers.get("record-total"));
    const [off, right] = [await total(), await total()];
    expect(right - off).toBe(1);
    server.inject({ kind: "doubled" });
    const doubled = (await rowsOf(asked, { at: server })).map(keyOf);
    expect(doubled.at(-1)).toBe(doubled[0]);
    server.inject({ kind: "unsorted" });
    expect((await rowsOf(asked, { at: server })).map(keyOf)).not.toEqual(whole.map(keyOf));
    server.inject({ kind: "unfiltered" });
    expect(
      new Set((await rowsOf({ ...asked, limit: 500 }, { at: server })).map((row) => row.weekStartDate)).size,
    ).toBeGreaterThan(1);
    server.inject({ kind: { delay: 80 } });
    const begun = performance.now();
    await rowsOf(asked, { at: server });
    expect(performance.now() - begun).toBeGreaterThan(75);
    server.inject({ kind: { trickle: 1 } });
    expect(await rowsOf({ ...asked, limit: 1, fields: ["MPID"] }, { at: server })).toHaveLength(1);
    server.inject({ kind: "silence" });
    const waiting = ask(asked, { at: server });
    await expect(
      Promise.race([waiting, new Promise((resolve) => setTimeout(resolve, 100, "still"))]),
    ).resolves.toBe("still");
    waiting.catch(() => {});
    expect((await rowsOf(asked, { at: server })).map(keyOf)).toEqual(whole.map(keyOf));
  });
});

it("refuses options that it does not know, and names them", async () => {
  for (const [options, named] of [
    [{ symbls: 3 }, "symbls"],
    [{ today: "soon" }, "today"],
    [{ pageRows: 6_000 }, "pageRows"],
  ] as const) {
    await expect(startFinraServer(options as FinraServerOptions)).rejects.toMatchObject({
      code: "CONFIG_INVALID",
      message: expect.stringContaining(named),
    });
  }
});
