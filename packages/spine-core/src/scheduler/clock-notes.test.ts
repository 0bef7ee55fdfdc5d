import { expect, test } from "vitest";
import { clockNotes } from "./clock-notes.ts";
import { tickGrid } from "./next-ticks.ts";

/** The notes of the ticks of a pattern after a time, with how far each is behind the one before, in hours. */
function noted(cron: string, timezone: string, after: string, count = 3): readonly string[] {
  const timing = { cron, timezone, every: null, at: null, startAt: null, endAt: null };
  const grid = tickGrid({ ...timing, closedDays: "skip" }, 0, null);
  const times: string[] = [];
  for (let tick = grid.next(Date.parse(after)); tick !== null && times.length < count; tick = grid.next(tick))
    times.push(new Date(tick).toISOString());
  return clockNotes(times, timing).map(({ at, note }) => `${at.slice(0, 16)} ${note}`);
}

test("a daily tick is a day of 23 or 25 hours behind the one before", () => {
  expect(noted("0 6 * * *", "Europe/Berlin", "2026-03-27T12:00:00Z")).toEqual([
    "2026-03-29T04:00 CLOCKS_CHANGED",
  ]);
  expect(noted("0 6 * * *", "Europe/Berlin", "2026-10-23T12:00:00Z")).toEqual([
    "2026-10-25T05:00 CLOCKS_CHANGED",
  ]);
  expect(noted("0 6 * * *", "Europe/Berlin", "2026-05-01T12:00:00Z", 10)).toEqual([]);
  expect(noted("0 6 * * *", "UTC", "2026-03-27T12:00:00Z")).toEqual([]);
});

test("a time that is left out comes behind the gap, one of its own there is none of it", () => {
  expect(noted("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", 1)).toEqual([
    "2026-03-29T01:00 CLOCKS_CHANGED",
    "2026-03-29T01:00 SKIPPED_TIME",
  ]);
  expect(noted("0 3 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", 1)).toEqual([
    "2026-03-29T01:00 CLOCKS_CHANGED",
  ]);
});

test("a time that comes twice says which of them it is", () => {
  expect(noted("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", 2)).toEqual([
    "2026-10-25T00:30 REPEATED_TIME",
    "2026-10-26T01:30 CLOCKS_CHANGED",
  ]);
  expect(noted("30 * * * *", "Europe/Berlin", "2026-10-25T00:00:00Z", 3)).toEqual([
    "2026-10-25T00:30 REPEATED_TIME",
    "2026-10-25T01:30 CLOCKS_CHANGED",
    "2026-10-25T01:30 REPEATED_TIME",
  ]);
});

test("half an hour in a zone that changes by so much", () => {
  // Lord Howe: from 01:59 back to 01:30 in April, from 02:00 forward to 02:30 in October.
  expect(noted("45 1 * * *", "Australia/Lord_Howe", "2026-04-04T00:00:00Z", 1)).toEqual([
    "2026-04-04T14:45 REPEATED_TIME",
  ]);
  expect(noted("15 2 * * *", "Australia/Lord_Howe", "2026-10-03T12:00:00Z", 1)).toEqual([
    "2026-10-03T15:30 CLOCKS_CHANGED",
    "2026-10-03T15:30 SKIPPED_TIME",
  ]);
});

test("a tick that has moved to an open day has no note for that", () => {
  const monday = { cron: "0 18 * * 1", timezone: "America/New_York" };
  expect(clockNotes(["2026-05-19T22:00:00.000Z"], monday)).toEqual([]);
});

test("says it to people", () => {
  const [note] = clockNotes(["2026-03-29T04:00:00.000Z"], { cron: "0 6 * * *", timezone: "Europe/Berlin" });
  expect(note?.message).toBe("The clocks of Europe/Berlin go forward by 1 h before it, to UTC+02:00.");
  expect(clockNotes(["2026-03-29T04:00:00.000Z"], { cron: null, timezone: "Europe/Berlin" })).toEqual([]);
});
