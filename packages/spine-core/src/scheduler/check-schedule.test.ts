import { expect, test } from "vitest";
import { calendarsOf } from "./calendars.ts";
import { checkSchedule } from "./check-schedule.ts";
import type { Schedule } from "./schedule.ts";
import { givenBy } from "./schedule-row.ts";
import { tickParams } from "./tick-params.ts";

const HOURLY = { name: "s", workflow: "demo", cron: "0 * * * *" };
const calendars = calendarsOf([{ trading: () => true }]);

test.each([
  ["a wrong cron", { cron: "61 * * * *" }, "/cron"],
  ["a cron with too few fields", { cron: "* * *" }, "/cron"],
  ["a cron with a year", { cron: "0 0 0 * * * 2027" }, "/cron"],
  ["a cron that never comes", { cron: "0 0 31 2 *" }, "/cron"],
  ["no time at all", { cron: null }, "/cron"],
  ["two kinds of times", { every: "1h" }, "/every"],
  ["an unknown zone", { timezone: "Mars/Olympus" }, "/timezone"],
  ["an interval that is too short", { cron: null, every: "500ms" }, "/every"],
  ["an interval of part of a second", { cron: null, every: 1_500 }, "/every"],
  ["an interval that is none", { cron: null, every: "soon" }, "/every"],
  ["a time without a zone", { cron: null, at: "2026-01-05T09:00:00" }, "/at"],
  ["an end before its start", { startAt: "2026-02-01T00:00:00Z", endAt: "2026-01-01T00:00:00Z" }, "/endAt"],
  ["a start that is none", { startAt: 7 }, "/startAt"],
  ["an unknown calendar", { calendar: "nyse" }, "/calendar"],
  ["closed days without a calendar", { closedDays: "next" }, "/closedDays"],
  ["an unknown way to catch up", { catchUp: "some" }, "/catchUp"],
  ["a cap that is too high", { catchUp: { policy: "all", max: 501 } }, "/catchUp/max"],
  ["a window that is none", { catchUp: { policy: "all", window: "x" } }, "/catchUp/window"],
  ["an unknown field of catchUp", { catchUp: { policy: "all", cap: 3 } }, "/cap"],
  ["an unknown overlap", { overlap: "wait" }, "/overlap"],
  ["a grace that is none", { misfireGrace: -1 }, "/misfireGrace"],
  ["a jitter that is none", { jitter: Number.NaN }, "/jitter"],
  ["an unknown fate of paused ticks", { pausedTicks: "all" }, "/pausedTicks"],
  ["a name that is none", { name: "a b" }, "/name"],
  ["no workflow", { workflow: undefined }, "/workflow"],
  ["an unknown field", { crom: "0 * * * *" }, "/crom"],
  ["a priority that is none", { priority: 101 }, "/priority"],
  ["a queue that is none", { queue: "a b" }, "/queue"],
  ["tags that are none", { tags: [7] }, "/tags/0"],
  ["too many tags", { tags: Array.from({ length: 20 }, (_, index) => `t${index}`) }, "/tags"],
  ["params that are no JSON", { params: { n: 1n } }, "/params"],
])("refuses %s, and names the field", (_what, wrong, path) => {
  const given = { ...HOURLY, ...wrong } as unknown as Schedule;
  for (const code of ["VALIDATION_FAILED", "CONFIG_INVALID"] as const) {
    const checking = () => checkSchedule(given, { code, calendars });
    expect(checking).toThrow(
      expect.objectContaining({ code, detail: { issues: [expect.objectContaining({ path })] } }),
    );
  }
});

test("says everything that was left out, and reads it again the same", () => {
  const settings = checkSchedule(HOURLY);
  expect(settings).toMatchObject({
    params: {},
    timezone: "UTC",
    enabled: true,
    overlap: "skip",
    misfireGrace: 60_000,
    jitter: 0,
    pausedTicks: "skip",
    catchUp: { policy: "latest", max: 100, window: 7 * 86_400_000 },
    queue: null,
    priority: 0,
    tags: [],
    calendar: null,
  });
  expect(checkSchedule(givenBy(settings))).toEqual(settings);
  const full = checkSchedule({
    name: "a/b:c",
    workflow: { name: "w" },
    every: "90s",
    startAt: "2026-01-05T09:00:00Z",
    endAt: new Date("2027-01-01"),
    calendar: "trading",
    closedDays: "next",
    catchUp: { policy: "all", max: 5, window: "1d" },
    params: { a: [1] },
    tags: ["x"],
    queue: "q",
    priority: -1,
    jitter: "5s",
    misfireGrace: "2m",
    overlap: "queue",
    pausedTicks: "catch-up",
    timezone: "Asia/Kolkata",
    enabled: false,
  });
  expect(checkSchedule(givenBy(full))).toEqual(full);
  // For what is only triggered.
  expect(checkSchedule({ name: "s", workflow: "demo", enabled: false })).toMatchObject({
    cron: null,
    every: null,
    at: null,
  });
});

test("parameters name the time of their tick", () => {
  const params = {
    at: "{scheduled_at}",
    day: "{scheduled_date}",
    week: ["{scheduled_date - 21d}", "{scheduled_date+1d}"],
    text: "x {scheduled_at}",
    n: 7,
  };
  const tick = Date.parse("2026-03-02T03:00:00Z");
  expect(tickParams({ params, timezone: "America/New_York" }, tick)).toEqual({
    at: "2026-03-02T03:00:00.000Z",
    day: "2026-03-01",
    week: ["2026-02-08", "2026-03-02"],
    text: "x {scheduled_at}",
    n: 7,
  });
});

test("a calendar has a name of its own, and is a function", () => {
  expect(() => calendarsOf([{ a: () => true }, { a: () => false }])).toThrow('named "a"');
  expect(() => calendarsOf([{ weekdays: () => true }])).toThrow('named "weekdays"');
  expect(() => calendarsOf([{ a: "2026" as never }])).toThrow("is no function");
});
