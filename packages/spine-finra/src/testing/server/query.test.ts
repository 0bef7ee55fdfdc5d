import { fromUnits, toUnits } from "spine-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { publishedOn } from "../../publication.ts";
import { TIERS } from "../../tiers.ts";
import { generateWeek } from "../generate-week.ts";
import { SAMPLE_WEEK } from "../sample-week.ts";
import { ask, GRAIN, keyOf, rowsOf, SMALL, SORT, serve, T1 } from "./ask.ts";
import { type FinraServer, startFinraServer } from "./finra-server.ts";
import type { QueryRecord } from "./query-record.ts";

let server: FinraServer;
beforeAll(async () => {
  server = await startFinraServer(SMALL);
});
afterAll(() => server.close());

describe("a query", () => {
  it("is answered with the rows of the weekly file, as the API has them", async () => {
    for (const tier of TIERS) {
      const filters = [T1[0], { ...T1[1], fieldValue: tier }, GRAIN];
      const rows = await rowsOf(server, { compareFilters: filters, limit: 5_000 });
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
    const rows = await rowsOf(server, { compareFilters: T1, limit: 5_000 });
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
    const [one, other] = [await rowsOf(server, asked), await rowsOf(server, asked)];
    expect(one.map(keyOf)).not.toEqual(other.map(keyOf));
    expect(one.map(keyOf).sort()).toEqual(other.map(keyOf).sort());
    expect(new Set(one.slice(0, 20).map((row) => Object.keys(row).join())).size).toBeGreaterThan(1);
    const sorted = await rowsOf(server, { ...asked, sortFields: SORT });
    const symbols = sorted.map((row) => row.issueSymbolIdentifier).filter((symbol) => symbol !== null);
    expect(symbols).toEqual([...symbols].sort());
    expect((await rowsOf(server, { ...asked, sortFields: SORT })).map(keyOf)).toEqual(sorted.map(keyOf));
    const down = await rowsOf(server, {
      ...asked,
      sortFields: ["-totalWeeklyShareQuantity"],
      fields: ["totalWeeklyShareQuantity"],
    });
    const shares = down.map((row) => Number(row.totalWeeklyShareQuantity));
    expect(shares).toEqual([...shares].sort((a, b) => b - a));
    expect(Object.keys(down[0] ?? {})).toEqual(["totalWeeklyShareQuantity"]);
  });

  it("is cut after 5,000 rows or 3 MB, whichever comes first, and offset counts rows", async () => {
    const small = await serve({ pageRows: 40, pageBytes: 8_000 });
    const asked = { compareFilters: [...T1, GRAIN], sortFields: SORT, limit: 5_000 };
    const all = await rowsOf(server, asked);
    const seen: QueryRecord[] = [];
    const sizes: number[] = [];
    while (seen.length < all.length) {
      const response = await ask(small, { ...asked, offset: seen.length });
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
    expect((await ask(server, { ...asked, offset: all.length })).status).toBe(204);
  });

  it("filters as it is told", async () => {
    const count = async (filters: object) =>
      (await rowsOf(server, { compareFilters: [...T1, GRAIN], limit: 5_000, fields: ["MPID"], ...filters }))
        .length;
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
    const weeks = await rowsOf(server, {
      dateRangeFilters: [
        { fieldName: "weekStartDate", startDate: "2026-02-16", endDate: "2026-03-02 00:00:00.000" },
      ],
      compareFilters: [{ compareType: "EQUAL", fieldName: "summaryTypeCode", fieldValue: "ATS_W_VOL_STATS" }],
      fields: ["weekStartDate", "tierIdentifier"],
    });
    expect(weeks).toHaveLength(9);
  });

  it("of a symbol over many weeks needs no partition", async () => {
    const rows = await rowsOf(server, {
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
    const response = await ask(server, none);
    expect([response.status, await response.text()]).toEqual([204, ""]);
    const other = await serve({ empty: "[]" });
    const documented = await ask(other, none);
    expect([documented.status, await documented.text()]).toEqual([200, "[]"]);
  });

  it("as GET has its filters ignored: page 1 of everything, with status 200", async () => {
    const path =
      "/data/group/otcMarket/name/weeklySummary?tierIdentifier=T1&weekStartDate=2026-03-02&limit=1000&offset=5";
    const response = await ask(server, null, { path });
    const rows = (await response.json()) as QueryRecord[];
    expect([response.status, rows.length, response.headers.get("record-offset")]).toEqual([200, 1000, "5"]);
    expect(new Set(rows.map((row) => row.tierIdentifier)).size).toBe(3);
    expect(new Set(rows.map((row) => row.weekStartDate)).size).toBeGreaterThan(2);
  });

  it("is CSV where JSON is not asked for, in any case of group and dataset, and of mock data", async () => {
    const asked = { compareFilters: [...T1, GRAIN], fields: ["MPID", "issueName"], limit: 2 };
    const path = "/data/group/OTCMARKET/name/weeklysummaryMock";
    const quoted = await ask(server, asked, { path, headers: { Accept: "text/plain" } });
    expect(quoted.headers.get("content-type")).toBe("text/plain");
    expect(await quoted.text()).toMatch(/^"MPID","issueName"\n"[A-Z]{4}",".*"\n"[A-Z]{4}",".*"\n$/);
    const bare = await ask(
      server,
      { ...asked, quoteValues: false, delimiter: "|" },
      { path, headers: { Accept: "*/*" } },
    );
    expect(await bare.text()).toMatch(/^MPID\|issueName\n[A-Z]{4}\|/);
  });

  it("compresses what is large", async () => {
    const large = await ask(server, { compareFilters: [...T1, GRAIN], limit: 5_000 });
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
    const response = await ask(server, body, asked);
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({
      statusCode: status,
      statusDescription: expect.any(String),
      requestId: expect.stringMatching(/^[\da-f-]{36}$/),
      message: expect.stringContaining(message),
    });
  });
});
