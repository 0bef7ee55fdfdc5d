import { expect, it } from "vitest";
import { addDays, isIsoDate, isoWeekday } from "./iso-date.ts";

it.each(["2024-02-29", "2025-12-31", "0001-01-01"])("takes %s", (date) => {
  expect(isIsoDate(date)).toBe(true);
});

it.each([
  "2025-02-29",
  "2025-02-30",
  "2025-13-01",
  "2025-1-1",
  "20251215",
  "2025-12-15T00:00",
  " 2025-12-15",
  "",
  "12/15/2025",
])("refuses %j", (date) => {
  expect(isIsoDate(date)).toBe(false);
  expect(() => addDays(date, 1)).toThrow(/not a date/);
});

it("counts days over months, leap days and years", () => {
  expect(addDays("2024-02-28", 2)).toBe("2024-03-01");
  expect(addDays("2026-01-01", -1)).toBe("2025-12-31");
  expect(["2025-11-10", "2025-11-16"].map(isoWeekday)).toEqual([1, 7]);
});
