import { expect, it } from "vitest";
import { ownWeek } from "./own-week.ts";

const week = { week_start: "2025-11-10", tier: "OTCE" } as const;

function statusOf(dates: readonly string[], last_update_date: string | null = null): string {
  const counting = ownWeek.start({ params: { last_update_date }, rows: dates.length, rejected: 0 });
  for (const date of dates) counting.add({ ...week, last_update_date: date });
  return counting.finish().status;
}

it("passes with a row that is dated as only its week can be", () => {
  expect(statusOf([])).toBe("PASS");
  expect(statusOf(["2025-12-15"])).toBe("PASS");
  expect(statusOf(["2025-12-24", "2025-12-24"])).toBe("PASS");
  expect(statusOf(["2025-12-22", "2025-12-22", "2025-12-15", "2025-12-29"])).toBe("PASS");
});

it("fails where every row is dated like another week, and names that week and what to do", () => {
  expect(statusOf(["2025-12-22", "2025-12-22"])).toBe("FAIL");
  expect(statusOf(["2025-12-22", "2025-12-29"])).toBe("FAIL");
  const counting = ownWeek.start({ params: { last_update_date: null }, rows: 1, rejected: 0 });
  counting.add({ ...week, last_update_date: "2025-12-29" });
  expect(counting.finish().message).toMatch(
    /2025-12-29, when week 2025-11-24 .*week_ending.*last_update_date/,
  );
});

it("believes who names the date of a week that was restated as a whole", () => {
  expect(statusOf(["2025-12-22"], "2025-12-22")).toBe("PASS");
});

it("believes the Query API, which names the week of each row", () => {
  const counting = ownWeek.start({
    params: { last_update_date: null, source: "FINRA" },
    rows: 1,
    rejected: 0,
  });
  counting.add({ ...week, last_update_date: "2025-12-22" });
  expect(counting.finish().status).toBe("PASS");
});
