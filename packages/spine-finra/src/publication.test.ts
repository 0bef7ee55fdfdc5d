import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { addDays } from "./iso-date.ts";
import { publishedOn, toWeekStart, weekEnding, weekOf } from "./publication.ts";
import { TIERS } from "./tiers.ts";

it("finds the Monday and the Friday of any day of a week", () => {
  for (let days = 0; days < 7; days++) {
    const date = addDays("2025-11-10", days);
    expect([toWeekStart(date), weekEnding(date)]).toEqual(["2025-11-10", "2025-11-14"]);
  }
});

describe("publishedOn", () => {
  it("is three weeks after the Monday for Tier 1 and five for the others", () => {
    expect(TIERS.map((tier) => publishedOn("2025-11-10", tier))).toEqual([
      "2025-12-01",
      "2025-12-15",
      "2025-12-15",
    ]);
  });

  it("takes any day of the week", () => {
    expect(publishedOn("2025-11-14", "OTCE")).toBe("2025-12-15");
  });

  it.each([
    ["2023-05-08", "2023-05-30", "Memorial Day"],
    ["2023-05-29", "2023-06-20", "Juneteenth"],
    ["2023-08-14", "2023-09-05", "Labor Day"],
    ["2023-12-11", "2024-01-02", "New Year's Day"],
    ["2023-12-25", "2024-01-16", "Martin Luther King Jr. Day"],
    ["2022-12-05", "2022-12-27", "Christmas Day, observed"],
  ])("moves week %s to Tuesday %s (%s)", (week, date) => {
    expect(publishedOn(week, "T1")).toBe(date);
  });
});

describe("weekOf", () => {
  it.each([
    ["2025-12-15", "2025-11-10"],
    ["2025-12-29", "2025-11-24"],
  ])("the OTCE file of %s holds week %s", (date, week) => {
    expect(weekOf(date, "OTCE")).toBe(week);
  });

  it("is the inverse of publishedOn for 20 years of weeks", () => {
    for (let week = "2014-05-26"; week < "2034-01-01"; week = addDays(week, 7)) {
      for (const tier of TIERS) expect([tier, weekOf(publishedOn(week, tier), tier)]).toEqual([tier, week]);
    }
  });

  it.each(["2022-07-29", "2025-12-16", "2025-12-14", "2023-05-29", "2023-05-31"])(
    "refuses %s, no first publication",
    (date) => {
      expect(() => weekOf(date, "T1")).toThrow(/first publishes no week/);
    },
  );

  it("takes both days around a federal holiday on which markets trade", () => {
    expect(["2023-10-09", "2023-10-10"].map((date) => weekOf(date, "T1"))).toEqual([
      "2023-09-18",
      "2023-09-18",
    ]);
  });
});

const recorded = new URL(
  "../../../../shared/data/finra-query-api-recorded/weeklySummary_ATS_W_SMBL_T1_AAPL.first38of248.json",
  import.meta.url,
);
const present = existsSync(recorded);

it.skipIf(!present)(
  `agrees with 38 recorded weeks${present ? "" : " (skipped: real data not present)"}`,
  () => {
    const rows: { weekStartDate: string; initialPublishedDate: string }[] = JSON.parse(
      readFileSync(recorded, "utf8"),
    );
    expect(rows).toHaveLength(38);
    for (const { weekStartDate, initialPublishedDate } of rows) {
      expect(publishedOn(weekStartDate, "T1")).toBe(initialPublishedDate);
      expect(weekOf(initialPublishedDate, "T1")).toBe(weekStartDate);
    }
  },
);
