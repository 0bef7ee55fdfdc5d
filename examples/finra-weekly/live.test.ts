import { expect, test } from "vitest";
import { liveCredentials, liveWeeks } from "./live.ts";

const weeksOf = (...args: Parameters<typeof liveWeeks>) =>
  liveWeeks(...args).map(({ tier, week_start }) => [tier, week_start]);

test("the newest week of each tier that is out, holidays included", () => {
  // Three weeks behind, five for the other tiers.
  expect(weeksOf(null, "2026-04-06")).toEqual([
    ["T1", "2026-03-16"],
    ["T2", "2026-03-02"],
    ["OTCE", "2026-03-02"],
  ]);
  expect(weeksOf(null, "2026-04-05")).toEqual([
    ["T1", "2026-03-09"],
    ["T2", "2026-02-23"],
    ["OTCE", "2026-02-23"],
  ]);
  // Memorial Day: out on Tuesday.
  expect(weeksOf(null, "2026-05-25")[0]).toEqual(["T1", "2026-04-27"]);
  expect(weeksOf(null, "2026-05-26")[0]).toEqual(["T1", "2026-05-04"]);
});

test("the named week, from FINRA and nobody else", () => {
  const weeks = liveWeeks("2026-03-06", "2026-11-26");
  expect(weeks.map(({ week_start }) => week_start)).toEqual(["2026-03-02", "2026-03-02", "2026-03-02"]);
  expect(weeks.map(({ params }) => params.source)).toEqual(["FINRA", "FINRA", "FINRA"]);
});

test("credentials are names of variables, and used only where both are set", () => {
  const both = { FINRA_CLIENT_ID: "me", FINRA_CLIENT_SECRET: "hunter2" };
  expect(liveCredentials(both)).toEqual({
    credentials: { clientId: "env:FINRA_CLIENT_ID", clientSecret: "env:FINRA_CLIENT_SECRET" },
  });
  expect(liveCredentials({ FINRA_CLIENT_ID: "me" })).toEqual({});
});
