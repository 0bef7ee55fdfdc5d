import { existsSync, readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { generateWeek } from "../generate-week.ts";
import { SAMPLE_WEEK } from "../sample-week.ts";
import { ask, GRAIN, keyOf, rowsOf, SMALL, SORT, serve, T1 } from "./ask.ts";
import { type FinraServer, startFinraServer } from "./finra-server.ts";
import type { FinraServerOptions } from "./finra-server-options.ts";

let server: FinraServer;
beforeAll(async () => {
  server = await startFinraServer(SMALL);
});
afterAll(() => server.close());

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
    const ours = await ask(server, asked, { headers: request.headers });
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
    const [whole] = await rowsOf(server, { compareFilters: asked.compareFilters, limit: 1 });
    expect(types(whole ?? {})).toMatchObject(types(known));
  });

  withRecordings(`the list of weeks is asked for and answered in the same way${reason}`, async () => {
    const { request, response } = read("recorded_exchanges.json").weeklyDownloadDetails;
    const weeks = await rowsOf(server, request.body, { path: new URL(request.url).pathname });
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
    const ours = await ask(server, {
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
    const meta = await ask(server, null, { path: "/metadata/group/otcMarket/name/weeklySummary" });
    expect(await meta.json()).toMatchObject({
      partitionFields: ["weekStartDate", "tierIdentifier"],
      fields: expect.arrayContaining([{ name: "totalWeeklyShareQuantity", type: "Number" }]),
    });
    const partitions = await ask(server, null, { path: "/partitions/group/otcmarket/name/weeklysummary" });
    const { availablePartitions } = (await partitions.json()) as { availablePartitions: object[] };
    expect(availablePartitions.slice(0, 3)).toEqual([
      { partitions: ["2026-03-16", "T1"] },
      { partitions: ["2026-03-09", "T1"] },
      { partitions: ["2026-03-02", "T1"] },
    ]);
  });

  it("publishes a week when it is due, tier by tier", async () => {
    const server = await serve();
    const outcome = async (tier: string) =>
      (await ask(server, { compareFilters: [T1[0], { ...T1[1], fieldValue: tier }, GRAIN] })).status;
    server.today = "2026-03-22";
    expect([await outcome("T1"), await outcome("T2"), await outcome("OTCE")]).toEqual([204, 204, 204]);
    server.today = "2026-03-23";
    expect([await outcome("T1"), await outcome("T2"), await outcome("OTCE")]).toEqual([200, 204, 204]);
    server.today = "2026-04-06";
    expect([await outcome("T1"), await outcome("T2"), await outcome("OTCE")]).toEqual([200, 200, 200]);
  });

  it("has the weekly files, and 403 for one that is not there", async () => {
    const list = await ask(server, null, { path: "/equity/otcmarket/weekly/" });
    const { files } = (await list.json()) as { files: string[] };
    const { fileName, text } = generateWeek({ weekStart: SAMPLE_WEEK, tier: "T2", symbols: SMALL.symbols });
    expect(files).toContain(fileName);
    const file = await ask(server, null, { path: `/equity/otcmarket/weekly/${fileName}` });
    expect(await file.text()).toBe(text);
    const absent = await ask(server, null, {
      path: "/equity/otcmarket/weekly/finra_otc_weekly_tier2_20300101.csv",
    });
    expect([absent.status, await absent.text()]).toEqual([403, expect.stringContaining("AccessDenied")]);
  });

  it("restates a week: other shares and dates in some rows, in files too", async () => {
    const server = await serve();
    const asked = { compareFilters: [...T1, GRAIN], sortFields: SORT, limit: 5_000 };
    const before = await rowsOf(server, asked);
    server.restate({
      weekStart: SAMPLE_WEEK,
      tier: "T1",
      on: "2026-04-08",
      changed: 4,
      removed: 1,
      added: 2,
    });
    const after = await rowsOf(server, asked);
    expect(after).toHaveLength(before.length + 1);
    const restated = after.filter((row) => row.lastUpdateDate === "2026-04-08");
    expect(restated).toHaveLength(6);
    expect(new Set(restated.map((row) => row.initialPublishedDate))).toEqual(new Set(["2026-03-23"]));
    const file = await ask(server, null, {
      path: "/equity/otcmarket/weekly/finra_otc_weekly_tier1_20260323.csv",
    });
    const text = await file.text();
    expect(text.match(/\|2026-04-08\n/g)).toHaveLength(6);
    expect(text.trimEnd().split("\n")).toHaveLength(after.length + 1);
    server.today = "2026-04-07";
    expect((await rowsOf(server, asked)).map(keyOf)).toEqual(before.map(keyOf));
  });

  it("answers an asynchronous request with 202 and a link, until it is complete", async () => {
    const asked = { compareFilters: [...T1, GRAIN], async: true };
    const begun = await ask(server, asked);
    const link = begun.headers.get("location") ?? "";
    expect([begun.status, link]).toEqual([
      202,
      expect.stringMatching(/^\/async-requests\/group\/otcMarket\/name\/weeklySummary\/[\da-f-]{36}$/),
    ]);
    expect((await begun.json()) as object).toMatchObject({ statusLink: link });
    expect((await ask(server, null, { path: link })).status).toBe(202);
    const done = await ask(server, null, { path: link });
    const { resultLink } = (await done.json()) as { resultLink: string };
    const rows = (await (await ask(server, null, { path: resultLink })).json()) as object[];
    const pages = await rowsOf(server, { compareFilters: asked.compareFilters, limit: 5_000 });
    expect(rows).toHaveLength(pages.length);
    expect(
      (await ask(server, null, { path: "/async-requests/group/otcMarket/name/weeklySummary/none" })).status,
    ).toBe(404);
  });

  it("gives tokens for credentials, and data for a token that is still valid", async () => {
    const credentials = { clientId: "me", clientSecret: "s:ecret" };
    const server = await serve({ credentials, requireToken: true });
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
          server,
          { compareFilters: T1 },
          { headers: authorization ? { Authorization: authorization } : {} },
        )
      ).status;
    expect([await data(), await data("Bearer nonsense"), await data(`Bearer ${access_token}`)]).toEqual([
      401, 401, 200,
    ]);
    server.expireTokens();
    expect(await data(`Bearer ${access_token}`)).toBe(401);
  });

  it("answers 429 with Retry-After when it is asked too often", async () => {
    const server = await serve({ requestsPerSecond: 2 });
    const answers = await Promise.all(
      [1, 2, 3, 4, 5].map(() => ask(server, { compareFilters: T1, limit: 1 })),
    );
    const refused = answers.filter(({ status }) => status === 429);
    // Two in a second, or up to two in each of two.
    expect([1, 2, 3]).toContain(refused.length);
    expect(refused.map(({ headers }) => headers.get("retry-after"))).toEqual(refused.map(() => "1"));
  });

  it("keeps a log of what it was asked", async () => {
    const server = await serve();
    await ask(server, { compareFilters: [...T1, GRAIN], limit: 3 });
    await ask(server, null, { path: "/nowhere" });
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
    for (let i = 0; i < times; i++) all.push((await ask(at, asked)).status);
    return all;
  };

  it("meet the requests that they are for", async () => {
    const server = await serve();
    server.inject({ page: 2, times: 2, kind: { status: 500 } });
    expect(await statuses(server, 5)).toEqual([200, 500, 500, 200, 200]);
    server.inject({ kind: { status: 429, retryAfter: "Wed, 21 Oct 2026 07:28:00 GMT" } });
    const limited = await ask(server, asked);
    expect([limited.status, limited.headers.get("retry-after")]).toEqual([
      429,
      "Wed, 21 Oct 2026 07:28:00 GMT",
    ]);
    expect(await statuses(server, 1)).toEqual([200]);
  });

  it("cut, replace, delay and distort answers", async () => {
    const server = await serve();
    const whole = await rowsOf(server, asked);
    server.inject({ kind: { cutAfter: 100 } });
    await expect(ask(server, asked).then((response) => response.text())).rejects.toThrow();
    server.inject({ kind: "html" });
    const page = await ask(server, asked);
    expect([page.status, page.headers.get("content-type"), await page.text()]).toEqual([
      200,
      "text/html; charset=utf-8",
      expect.stringContaining("<html>"),
    ]);
    server.inject({ kind: { totalOff: -1 } });
    const total = async () => Number((await ask(server, asked)).headers.get("record-total"));
    const [off, right] = [await total(), await total()];
    expect(right - off).toBe(1);
    server.inject({ kind: "doubled" });
    const doubled = (await rowsOf(server, asked)).map(keyOf);
    expect(doubled.at(-1)).toBe(doubled[0]);
    server.inject({ kind: "unsorted" });
    expect((await rowsOf(server, asked)).map(keyOf)).not.toEqual(whole.map(keyOf));
    server.inject({ kind: "unfiltered" });
    expect(
      new Set((await rowsOf(server, { ...asked, limit: 500 })).map((row) => row.weekStartDate)).size,
    ).toBeGreaterThan(1);
    server.inject({ kind: { delay: 80 } });
    const begun = performance.now();
    await rowsOf(server, asked);
    expect(performance.now() - begun).toBeGreaterThan(75);
    server.inject({ kind: { trickle: 1 } });
    expect(await rowsOf(server, { ...asked, limit: 1, fields: ["MPID"] })).toHaveLength(1);
    server.inject({ kind: "silence" });
    const waiting = ask(server, asked);
    await expect(
      Promise.race([waiting, new Promise((resolve) => setTimeout(resolve, 100, "still"))]),
    ).resolves.toBe("still");
    waiting.catch(() => {});
    expect((await rowsOf(server, asked)).map(keyOf)).toEqual(whole.map(keyOf));
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
