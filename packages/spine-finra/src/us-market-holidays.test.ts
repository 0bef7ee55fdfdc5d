import { existsSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { addDays, isoWeekday } from "./iso-date.ts";
import { isFederalHolidayWithTrading, isUsMarketHoliday, usMarketHolidays } from "./us-market-holidays.ts";

it("knows the holidays of a year", () => {
  expect([...usMarketHolidays(2023)]).toEqual([
    ["2023-01-02", "New Year's Day"],
    ["2023-01-16", "Martin Luther King Jr. Day"],
    ["2023-02-20", "Presidents' Day"],
    ["2023-05-29", "Memorial Day"],
    ["2023-06-19", "Juneteenth"],
    ["2023-07-04", "Independence Day"],
    ["2023-09-04", "Labor Day"],
    ["2023-11-23", "Thanksgiving Day"],
    ["2023-12-25", "Christmas Day"],
  ]);
});

it("moves holidays off the weekend, but drops a New Year's Day on a Saturday", () => {
  expect([...usMarketHolidays(2022).keys()]).not.toContain("2021-12-31");
  expect(usMarketHolidays(2022).size).toBe(8);
  expect(isUsMarketHoliday("2022-12-26")).toBe(true);
  expect(isUsMarketHoliday("2020-07-03")).toBe(true);
  expect(isUsMarketHoliday("2021-06-18")).toBe(false);
});

it("keeps Columbus Day and Veterans Day apart", () => {
  for (const date of ["2023-10-09", "2018-11-12", "2024-11-11"]) {
    expect([date, isUsMarketHoliday(date), isFederalHolidayWithTrading(date)]).toEqual([date, false, true]);
  }
});

const sessionsFile = new URL(
  "../../../../shared/data/calendar-xnys/xnys_sessions_1990_2023.csv",
  import.meta.url,
);
const present = existsSync(sessionsFile);

it.skipIf(!present)(
  `agrees with the exchange's sessions on every Monday from 2002 to 2022${present ? "" : " (skipped: real data not present)"}`,
  () => {
    const sessions = new Set(readFileSync(sessionsFile, "utf8").match(/\d{4}-\d{2}-\d{2}/g));
    const wrong: string[] = [];
    for (let date = "2002-01-07"; date < "2023-01-01"; date = addDays(date, 7)) {
      expect(isoWeekday(date)).toBe(1);
      if (sessions.has(date) === isUsMarketHoliday(date)) wrong.push(date);
    }
    // Hurricane Sandy: a closing for a single occasion.
    expect(wrong).toEqual(["2012-10-29"]);
  },
);
