import { expect, test } from "vitest";
import { weekdays } from "./calendars.ts";
import { dueAt, lastTicks, type Timing, tickGrid } from "./next-ticks.ts";

const QUARTER = 900_000;
const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const timing = (given: Partial<Timing>): Timing => ({
  cron: null,
  every: null,
  at: null,
  timezone: "UTC",
  startAt: null,
  endAt: null,
  closedDays: "skip",
  ...given,
});
const ms = (iso: string) => Date.parse(iso);
const iso = (tick: number | null) => (tick === null ? null : new Date(tick).toISOString().slice(0, 16));
/** The next ticks of a schedule that was made at its anchor. */
function next(
  given: Partial<Timing>,
  from: string,
  count: number,
  calendar: ((day: string) => boolean) | null = null,
) {
  const grid = tickGrid(timing(given), ms(from), calendar);
  const found: (string | null)[] = [];
  for (let tick = grid.next(ms(from)); found.length < count && tick !== null; tick = grid.next(tick))
    found.push(iso(tick));
  return found;
}

// The zones of the table: those with odd offsets and odd changes, and as many others as make a hundred.
const ODD = [
  "America/New_York",
  "America/St_Johns",
  "Europe/Berlin",
  "Europe/Dublin",
  "Africa/Casablanca",
  "Asia/Kolkata",
  "Asia/Kathmandu",
  "Asia/Tehran",
  "Australia/Lord_Howe",
  "Australia/Adelaide",
  "Australia/Sydney",
  "Pacific/Chatham",
  "Pacific/Apia",
  "Pacific/Marquesas",
  "Antarctica/Troll",
  "America/Havana",
  "America/Santiago",
  "America/Sao_Paulo",
  "Asia/Beirut",
  "Asia/Gaza",
  "Africa/Cairo",
  "UTC",
];
const ZONES = [
  ...new Set([...ODD, ...Intl.supportedValuesOf("timeZone").filter((_, index) => index % 4 === 0)]),
].slice(0, 100);

/** The wall clock of a zone, read by other means than the code under test. */
function wallOf(zone: string) {
  const format = new Intl.DateTimeFormat("en-US", {
    timeZone: zone,
    hourCycle: "h23",
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
    hour: "2-digit",
    minute: "2-digit",
  });
  return (at: number) => {
    const [date = "", time = ""] = format.format(at).split(", ");
    const [hour = 0, minute = 0] = time.split(":").map(Number);
    return { date, hour, minute, of: hour * 60 + minute };
  };
}

/** Two days on each side of each change of a zone's clock within a year; some days of it where there is none. */
function windowsOf(zone: string): readonly (readonly [number, number])[] {
  const wall = wallOf(zone);
  const hourAt = (at: number) => wall(at).of;
  const found: number[] = [];
  for (let day = ms("2026-01-01T12:00Z"); day < ms("2027-01-01T12:00Z"); day += DAY) {
    if (hourAt(day) !== hourAt(day + DAY)) found.push(day);
  }
  return (found.length > 0 ? found : [ms("2026-03-07T12:00Z")]).map((day) => [day - DAY, day + 2 * DAY]);
}

test("in a hundred zones each day has its tick once, and each hour too, on days of 23, 24 and 25 hours", () => {
  const wrong: string[] = [];
  const lengths = new Set<number>();
  for (const zone of ZONES) {
    const wall = wallOf(zone);
    for (const [from, to] of windowsOf(zone)) {
      const times: (ReturnType<typeof wall> & { at: number })[] = [];
      for (let at = from; at <= to; at += QUARTER) times.push({ at, ...wall(at) });
      const days = Map.groupBy(times, ({ date }) => date);
      // Whole days only: the first and the last began, or go on, outside.
      const whole = [...days.values()].slice(1, -1);
      for (const day of whole) lengths.add((day.length * QUARTER) / HOUR);
      for (const [cron, of] of [
        ["30 2 * * *", 150],
        ["0 0 * * *", 0],
        ["45 23 * * *", 1_425],
        ["0 1 * * *", 60],
      ] as const) {
        // The time itself, the first time that it comes; where it does not come, the first moment behind it.
        const expected = whole.map(
          (day) => (day.find((time) => time.of === of) ?? day.find((time) => time.of > of))?.at,
        );
        compare(zone, cron, expected, whole);
      }
      // All hours and half hours that there are.
      compare(
        zone,
        "*/30 * * * *",
        whole
          .flat()
          .filter(({ minute }) => minute % 30 === 0)
          .map(({ at }) => at),
        whole,
      );
    }
  }
  expect(wrong).toEqual([]);
  expect(ZONES).toHaveLength(100);
  expect([...lengths].toSorted()).toEqual(expect.arrayContaining([23, 23.5, 24, 24.5, 25]));

  function compare(
    zone: string,
    cron: string,
    expected: readonly (number | undefined)[],
    whole: readonly (readonly { at: number }[])[],
  ) {
    const [first, last] = [whole[0]?.[0]?.at ?? 0, whole.at(-1)?.at(-1)?.at ?? 0];
    const grid = tickGrid(timing({ cron, timezone: zone }), 0, null);
    const found: number[] = [];
    for (let tick = grid.next(first - 1); tick !== null && tick <= last; tick = grid.next(tick))
      found.push(tick);
    if (JSON.stringify(found) !== JSON.stringify(expected))
      wrong.push(`${zone} ${cron}: ${JSON.stringify([found, expected])}`);
  }
});

test("seconds are optional, Sunday is 0, and the zone is the schedule's", () => {
  expect(next({ cron: "*/20 * * * * *" }, "2026-01-05T09:00:30Z", 2)).toEqual([
    "2026-01-05T09:00",
    "2026-01-05T09:01",
  ]);
  expect(next({ cron: "0 9 * * 0" }, "2026-01-05T09:00Z", 2)).toEqual([
    "2026-01-11T09:00",
    "2026-01-18T09:00",
  ]);
  expect(next({ cron: "0 18 * * 1-5", timezone: "America/New_York" }, "2026-07-02T23:00Z", 2)).toEqual([
    "2026-07-03T22:00",
    "2026-07-06T22:00",
  ]);
});

test("an interval is counted from its start, whenever it is asked", () => {
  const grid = tickGrid(timing({ every: 15 * 60_000 }), ms("2026-01-05T09:07Z"), null);
  expect(iso(grid.next(ms("2026-01-05T09:07Z")))).toBe("2026-01-05T09:22");
  expect(iso(grid.next(ms("2026-01-05T11:00:01Z")))).toBe("2026-01-05T11:07");
  expect(iso(grid.next(ms("2026-01-05T11:07Z")))).toBe("2026-01-05T11:22");
  const started = { every: HOUR, startAt: ms("2026-02-01T00:30Z"), endAt: ms("2026-02-01T02:30Z") };
  expect(next(started, "2026-01-05T09:00Z", 9)).toEqual([
    "2026-02-01T00:30",
    "2026-02-01T01:30",
    "2026-02-01T02:30",
  ]);
  expect(next(started, "2026-02-01T00:30Z", 1)).toEqual(["2026-02-01T01:30"]);
  // More than a timer of Node can be set to.
  expect(next({ every: 300 * DAY }, "2026-01-01T00:00Z", 2)).toEqual([
    "2026-10-28T00:00",
    "2027-08-24T00:00",
  ]);
});

test("once is once, and start and end bound a cron", () => {
  expect(next({ at: ms("2026-02-01T00:00Z") }, "2026-01-05T09:00Z", 2)).toEqual(["2026-02-01T00:00"]);
  expect(next({ at: ms("2026-02-01T00:00Z") }, "2026-02-01T00:00Z", 2)).toEqual([]);
  const bounds = { startAt: ms("2026-02-01T00:00Z"), endAt: ms("2026-02-03T00:00Z") };
  expect(next({ cron: "0 0 * * *", ...bounds }, "2026-01-05T09:00Z", 9)).toEqual([
    "2026-02-01T00:00",
    "2026-02-02T00:00",
    "2026-02-03T00:00",
  ]);
});

test("a tick of a closed day moves to the next open one, at the same time of day, and is there once", () => {
  const open = (day: string) => weekdays(day) && !["2026-01-19", "2026-12-25"].includes(day);
  const monday = { cron: "0 18 * * 1", timezone: "America/New_York", closedDays: "next" } as const;
  const mondays = ["2026-01-12T23:00", "2026-01-20T23:00", "2026-01-26T23:00"];
  expect(next(monday, "2026-01-06T00:00Z", 3, open)).toEqual(mondays);
  // Asked in between, on the closed day and behind it: nothing depends on what was asked before.
  expect(next(monday, "2026-01-19T23:30Z", 1, open)).toEqual(["2026-01-20T23:00"]);
  expect(next(monday, "2026-01-20T12:00Z", 1, open)).toEqual(["2026-01-20T23:00"]);
  expect(next(monday, "2026-01-20T23:00Z", 1, open)).toEqual(["2026-01-26T23:00"]);
  const daily = { cron: "0 6,18 * * *", closedDays: "next" } as const;
  expect(next(daily, "2026-01-16T12:00Z", 4, open)).toEqual([
    "2026-01-16T18:00",
    "2026-01-20T06:00",
    "2026-01-20T18:00",
    "2026-01-21T06:00",
  ]);
  // Christmas is a Friday; its ticks and the weekend's are Monday's.
  expect(next(daily, "2026-12-24T18:00Z", 2, open)).toEqual(["2026-12-28T06:00", "2026-12-28T18:00"]);
  const grid = tickGrid(timing({ cron: "0 6 * * *" }), 0, open);
  expect([grid.isOpen(ms("2026-01-19T06:00Z")), grid.isOpen(ms("2026-01-20T06:00Z"))]).toEqual([false, true]);
});

test("of a long time the newest ticks are found, without going through all", () => {
  const grid = tickGrid(timing({ every: 1_000 }), 0, null);
  expect(lastTicks(grid, 0, 10 * DAY, 3)).toEqual({
    ticks: [10 * DAY - 2_000, 10 * DAY - 1_000, 10 * DAY],
    more: true,
  });
  expect(lastTicks(grid, 10 * DAY - 2_500, 10 * DAY, 3)).toEqual({
    ticks: [10 * DAY - 2_000, 10 * DAY - 1_000, 10 * DAY],
    more: false,
  });
  const yearly = tickGrid(timing({ cron: "0 0 1 1 *" }), 0, null);
  const from = ms("2024-06-01T00:00Z");
  expect(lastTicks(yearly, from, ms("2026-06-01T00:00Z"), 9).ticks.map(iso)).toEqual([
    "2025-01-01T00:00",
    "2026-01-01T00:00",
  ]);
  expect(lastTicks(yearly, ms("2026-01-01T00:00Z"), ms("2026-06-01T00:00Z"), 9)).toEqual({
    ticks: [],
    more: false,
  });
});

test("jitter is the same for the same tick everywhere, and others for others", () => {
  const late = Array.from({ length: 200 }, (_, tick) => dueAt("s", tick * 60_000, 10_000) - tick * 60_000);
  expect(late.every((each) => each >= 0 && each <= 10_000)).toBe(true);
  expect(new Set(late).size).toBeGreaterThan(150);
  expect(dueAt("s", 60_000, 10_000)).toBe(dueAt("s", 60_000, 10_000));
  expect(dueAt("s", 60_000, 10_000)).not.toBe(dueAt("other", 60_000, 10_000));
  expect(dueAt("s", 60_000, 0)).toBe(60_000);
});
