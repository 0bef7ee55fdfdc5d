import { expect, test } from "vitest";
import { calendarsOf, weekdays } from "./calendars.ts";
import { checkSchedule } from "./check-schedule.ts";
import type { Schedule } from "./schedule.ts";
import { newRow, settingsOf } from "./schedule-row.ts";
import type { DueSchedule, ScheduleRow } from "./schedule-store.ts";
import { settleResumed, settleSchedule, settleUnknown } from "./settle-schedule.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const START = Date.parse("2026-01-05T00:30:00Z");

/** As a schedule, with everything to be left out. */
type Given = { readonly [K in keyof Schedule]?: Schedule[K] | undefined };

function due(given: Given, of: Partial<DueSchedule> = {}, row: Partial<ScheduleRow> = {}): DueSchedule {
  const timing = given.every === undefined && given.at === undefined ? { cron: "0 * * * *" } : {};
  const settings = checkSchedule({ name: "s", workflow: "demo", ...timing, ...given } as Schedule);
  const made = {
    ...newRow(settings, calendarsOf([]), START, null),
    version: 1,
    createdAt: START,
    updatedAt: START,
  };
  return { row: { ...made, ...row }, known: true, active: [], ended: [], waiting: [], ...of };
}

/** What becomes of its ticks, as `01:00 STARTED CAUGHT_UP`. */
function settled(given: DueSchedule, now: number, calendar: ((day: string) => boolean) | null = null) {
  const { settlement, starts, cancels } = settleSchedule(given, settingsOf(given.row), calendar, now);
  return {
    ticks: settlement.ticks.map(
      ({ scheduledAt, status, reason }) => `${time(scheduledAt)} ${status}${reason ? ` ${reason}` : ""}`,
    ),
    starts: starts.map(time),
    cancels,
    position: settlement.position,
    settlement,
  };
}
const time = (ms: number) => new Date(ms).toISOString().slice(11, 16);
const hours = (from: number, to: number, what: string) =>
  Array.from({ length: to - from + 1 }, (_, index) => `${String(from + index).padStart(2, "0")}:00 ${what}`);

test("a tick on time is started, and the next one follows from the row", () => {
  const given = due({});
  const { ticks, starts, position } = settled(given, START + 30 * MINUTE + 5);
  expect([ticks, starts]).toEqual([["01:00 STARTED"], ["01:00"]]);
  expect(
    [position.settledTo, position.nextTick, position.nextAt, position.lateAt].map((ms) => time(ms ?? 0)),
  ).toEqual(["01:00", "02:00", "02:00", "02:01"]);
  // An interval too, however late it was taken.
  const late = settled(due({ every: "7m" }), START + 7 * MINUTE + 59_999);
  expect(time(late.position.nextTick ?? 0)).toBe("00:44");
});

test("after ten hours none, the latest, or all of the ticks that were missed are caught up", () => {
  const now = START + 10 * HOUR;
  const of = (catchUp: Schedule["catchUp"], given: Given = {}) =>
    settled(due({ catchUp, ...given }), now).ticks;
  expect(of("none")).toEqual(hours(1, 10, "MISSED NOT_CAUGHT_UP"));
  const latest = [...hours(1, 9, "MISSED SUPERSEDED"), "10:00 STARTED CAUGHT_UP"];
  expect(of("latest")).toEqual(latest);
  expect(settled(due({}), now).ticks).toEqual(latest);
  expect(of("all", { overlap: "allow" })).toEqual(hours(1, 10, "STARTED CAUGHT_UP"));
  // All of them, one after the other, also where ticks that overlap are skipped.
  expect(of("all")).toEqual(["01:00 STARTED CAUGHT_UP", ...hours(2, 10, "QUEUED")]);
  expect(settled(due({ catchUp: "all" }), now).position.queued).toBe(9);
});

test("a cap and a window bound what is caught up", () => {
  const now = START + 10 * HOUR;
  const of = (catchUp: Schedule["catchUp"]) => settled(due({ catchUp, overlap: "allow" }), now).ticks;
  expect(of({ policy: "all", max: 3 })).toEqual([
    ...hours(1, 7, "MISSED TOO_MANY"),
    ...hours(8, 10, "STARTED CAUGHT_UP"),
  ]);
  expect(of({ policy: "all", window: "2h" })).toEqual([
    ...hours(1, 8, "MISSED TOO_OLD"),
    ...hours(9, 10, "STARTED CAUGHT_UP"),
  ]);
  expect(of({ policy: "latest", window: "10m" })).toEqual(hours(1, 10, "MISSED TOO_OLD"));
});

test("a tick that is on time stands for those that were missed, where the latest is caught up", () => {
  const now = START + 9.5 * HOUR + 1_000;
  expect(settled(due({}), now).ticks).toEqual([...hours(1, 9, "MISSED SUPERSEDED"), "10:00 STARTED"]);
  expect(
    settled(due({ misfireGrace: "2h", overlap: "allow", catchUp: "none" }), now - 1_000).ticks.slice(-3),
  ).toEqual(["08:00 STARTED", "09:00 STARTED", "10:00 STARTED"]);
});

test("an outage of any length makes a hundred rows at most, and says how far back the oldest reaches", () => {
  const { ticks, settlement } = settled(due({ every: "1s" }), START + 365 * 24 * HOUR);
  expect(ticks.length).toBeLessThanOrEqual(164);
  expect(settlement.ticks.filter(({ status }) => status !== "STARTED").length).toBeLessThanOrEqual(100);
  expect(settlement.ticks[0]?.since).toBe(START);
  const short = settled(due({ every: "1m", catchUp: "none" }), START + 5 * HOUR).settlement.ticks;
  expect(short.filter(({ status }) => status !== "STARTED")).toHaveLength(100);
  expect(short[0]).toMatchObject({ since: START + MINUTE - 1, reason: "NOT_CAUGHT_UP" });
  expect(short[1]?.since).toBeNull();
});

test("while a run is not over its schedule says what becomes of the next tick", () => {
  const active = [{ scheduledAt: START, runId: "r1" }];
  const now = START + 30 * MINUTE;
  const of = (overlap: Schedule["overlap"], row = {}) => settled(due({ overlap }, { active }, row), now);
  expect(of("skip").settlement.ticks, "skipped while r1 runs").toMatchObject([
    { status: "SKIPPED", reason: "OVERLAP", detail: "Run r1 was not over." },
  ]);
  expect(of("queue")).toMatchObject({ ticks: ["01:00 QUEUED"], starts: [], position: { queued: 1 } });
  expect(of("queue", { queued: 100 }).ticks).toEqual(["01:00 SKIPPED QUEUE_FULL"]);
  expect(of("cancel-running")).toMatchObject({ ticks: ["01:00 STARTED"], cancels: ["r1"] });
  expect(of("allow")).toMatchObject({ ticks: ["01:00 STARTED"], cancels: [] });
  // Where there is nothing due, nothing is cancelled.
  expect(settled(due({ overlap: "cancel-running" }, { active }), START)).toMatchObject({
    ticks: [],
    cancels: [],
  });
});

test("a tick that waits has its turn once the run before it is over, before later ones", () => {
  const waiting = [START - HOUR, START - 30 * MINUTE];
  const free = settled(due({ overlap: "queue" }, { waiting }, { queued: 2 }), START);
  expect(free).toMatchObject({ ticks: ["23:30 STARTED WAITED"], position: { queued: 1 } });
  const both = settled(due({ overlap: "queue" }, { waiting }, { queued: 2 }), START + 30 * MINUTE);
  expect(both).toMatchObject({ ticks: ["23:30 STARTED WAITED", "01:00 QUEUED"], position: { queued: 2 } });
  const active = [{ scheduledAt: 0, runId: "r" }];
  expect(settled(due({ overlap: "queue" }, { waiting, active }, { queued: 2 }), START).ticks).toEqual([]);
});

test("ticks of days that its calendar does not have are skipped", () => {
  // A Saturday.
  const row = { settledTo: Date.parse("2026-01-10T00:30:00Z") };
  const given = due({ calendar: "weekdays" }, {}, row);
  expect(settled(given, Date.parse("2026-01-10T01:00:00Z"), weekdays).ticks).toEqual([
    "01:00 SKIPPED CLOSED_DAY",
  ]);
});

test("with jitter a tick is due later, and on time as long as that is", () => {
  const given = due({ jitter: "10m", misfireGrace: "1s" });
  const at = (given.row.nextAt ?? 0) - (given.row.nextTick ?? 0);
  expect(at).toBeGreaterThan(0);
  expect(settled(given, START + 30 * MINUTE + at - 1)).toMatchObject({
    ticks: [],
    position: { settledTo: START },
  });
  expect(settled(given, START + 30 * MINUTE + at + 1_000).ticks).toEqual(["01:00 STARTED"]);
  expect(settled(given, START + 30 * MINUTE + at + 1_001).ticks).toEqual(["01:00 STARTED CAUGHT_UP"]);
});

test("who does not know the workflow records what was missed, and leaves it to be caught up", () => {
  const given = due({ catchUp: "all", overlap: "allow" }, { known: false });
  const settings = settingsOf(given.row);
  const now = START + 2.5 * HOUR;
  const { settlement, starts } = settleUnknown(given, settings, now);
  expect(starts).toEqual([]);
  expect(settlement.ticks.map(({ status, reason }) => `${status} ${reason}`)).toEqual([
    "MISSED UNKNOWN_WORKFLOW",
    "MISSED UNKNOWN_WORKFLOW",
  ]);
  expect(settlement.ticks[0]?.detail).toContain('knows the workflow "demo"');
  expect(settlement.position).toMatchObject({
    settledTo: START,
    unknown: true,
    nextTick: START + 2.5 * HOUR,
  });
  // Asked once more it says nothing twice.
  const again = { ...given, row: { ...given.row, ...settlement.position } };
  expect(settleUnknown(again, settings, now + MINUTE + 1).settlement.ticks).toHaveLength(1);
  expect(settled({ ...again, known: true }, now + 2 * MINUTE).ticks).toEqual(
    hours(1, 3, "STARTED CAUGHT_UP"),
  );
});

test("after a pause it goes on with the next tick, or catches up", () => {
  const { row } = due({}, {}, { pausedAt: START + 1, nextTick: null });
  const resumed = (missed: "skip" | "catch-up") =>
    settleResumed(row, settingsOf(row), null, START + 2.5 * HOUR + 5, missed);
  const skipped = resumed("skip");
  expect(skipped.ticks.map(({ scheduledAt, reason }) => [time(scheduledAt), reason])).toEqual([
    ["01:00", "PAUSED"],
    ["02:00", "PAUSED"],
    ["03:00", "PAUSED"],
  ]);
  expect(skipped.position).toMatchObject({
    pausedAt: null,
    settledTo: START + 2.5 * HOUR + 5,
    nextTick: START + 3.5 * HOUR,
  });
  expect(resumed("catch-up")).toMatchObject({
    ticks: [],
    position: { settledTo: START, nextTick: START + 30 * MINUTE },
  });
});
