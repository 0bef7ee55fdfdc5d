import { hash } from "node:crypto";
import { Cron } from "croner";
import { type Calendar, DAY_MS } from "../partitions/period.ts";
import type { ScheduleSettings } from "./schedule.ts";

/** What the times of a schedule depend on. */
export type Timing = Pick<
  ScheduleSettings,
  "cron" | "every" | "at" | "timezone" | "startAt" | "endAt" | "closedDays"
>;

/** The times of a schedule as a function of its row: nothing depends on when it ran last. */
export interface TickGrid {
  /** The first tick after a time; null when there is none. All in ms since the epoch. */
  next(after: number): number | null;
  /** Whether the calendar has the day of a tick; without one it has all. */
  isOpen(tick: number): boolean;
}

/** Days that are looked through for one that a calendar has. */
const MOST_CLOSED = 400;

/**
 * The ticks of a schedule.
 *
 * A cron time that a change to summer time leaves out is the first moment behind the gap; one that comes twice in autumn is its first
 * time, and where the pattern has every hour or every so many minutes, all of them.
 *
 * @param anchor what an interval without `startAt` is counted from.
 */
export function tickGrid(timing: Timing, anchor: number, calendar: Calendar | null): TickGrid {
  const { startAt, endAt, timezone, closedDays } = timing;
  const raw = rawTicks(timing, anchor);
  const from = startAt === null ? Number.NEGATIVE_INFINITY : startAt - 1;
  const bounded = (tick: number | null) => (tick === null || (endAt !== null && tick > endAt) ? null : tick);
  const isOpen = (tick: number) => calendar === null || calendar(dayOf(tick, timezone));
  if (calendar === null || closedDays === "skip")
    return { next: (after) => bounded(raw(Math.max(after, from))), isOpen };
  const moved = { raw, from, timezone, calendar, isOpen };
  return { next: (after) => bounded(nextMoved(moved, after)), isOpen };
}

function rawTicks({ cron, every, at, timezone, startAt }: Timing, anchor: number) {
  if (cron !== null) {
    const pattern = new Cron(cron, { timezone, paused: true });
    // croner counts in whole seconds.
    return (after: number) => pattern.nextRun(new Date(Math.max(after, FIRST_MS)))?.getTime() ?? null;
  }
  if (every !== null) {
    const first = startAt ?? anchor;
    return (after: number) => first + Math.max(0, Math.floor((after - first) / every) + 1) * every;
  }
  return (after: number) => (at !== null && at > after ? at : null);
}

/** Before it nothing was scheduled; croner takes no time before the epoch. */
const FIRST_MS = 0;

interface Moved {
  readonly raw: (after: number) => number | null;
  readonly from: number;
  readonly timezone: string;
  readonly calendar: Calendar;
  readonly isOpen: (tick: number) => boolean;
}

/**
 * The first tick after a time, where ticks of closed days move to the next open day. Those that can have moved behind `after` lie in the
 * closed days that end at its own day.
 */
function nextMoved({ raw, from, timezone, calendar, isOpen }: Moved, after: number): number | null {
  let begin = after;
  const day = dayOf(after, timezone);
  const last = calendar(day) ? 1 : 0;
  let closed = 0;
  while (closed < MOST_CLOSED && !calendar(shiftDay(day, -last - closed))) closed += 1;
  if (closed > 0) begin -= (last + closed + 1) * DAY_MS;
  begin = Math.max(begin, from);
  let best: number | null = null;
  for (let tick = raw(begin), looked = 0; tick !== null; tick = raw(tick), looked += 1) {
    if (best !== null && tick >= best) break;
    if (looked > MOST_LOOKED) break;
    const open = isOpen(tick) ? tick : movedTo(tick, timezone, calendar);
    if (open !== null && open > after && (best === null || open < best)) best = open;
  }
  return best;
}

/** Raw ticks that are looked through for one behind a time: of closed days there are a few at a time. */
const MOST_LOOKED = 100_000;

/** The same time of day on the next day that the calendar has. */
function movedTo(tick: number, timezone: string, calendar: Calendar): number | null {
  const { date, time } = wallClock(tick, timezone);
  for (let days = 1; days <= MOST_CLOSED; days += 1) {
    const day = shiftDay(date, days);
    if (!calendar(day)) continue;
    const found = new Cron(`${day}T${time}`, { timezone, paused: true }).nextRun(new Date(FIRST_MS));
    return found?.getTime() ?? null;
  }
  return null;
}

/** The ticks after one time up to another, oldest first: the newest `max` of them, and whether there are older ones. */
export function lastTicks(
  grid: TickGrid,
  after: number,
  until: number,
  max: number,
): { readonly ticks: readonly number[]; readonly more: boolean } {
  // From where they are as many as are wanted is not known: twice as far back each time costs no more than twice the last look.
  for (let span = 60_000; ; span *= 2) {
    const from = Math.max(after, until - span);
    const ticks: number[] = [];
    for (let tick = grid.next(from); tick !== null && tick <= until; tick = grid.next(tick)) ticks.push(tick);
    if (ticks.length > max) return { ticks: ticks.slice(-max), more: true };
    if (from === after) return { ticks, more: false };
    const next = grid.next(after);
    // Nothing in between: a schedule that begins later, or seldom has a tick.
    if (next === null || next > until) return { ticks: [], more: false };
    if (ticks[0] === next) return { ticks, more: false };
  }
}

/**
 * When a tick is due: up to `jitter` ms behind its time, for each by the same amount in all processes.
 */
export function dueAt(schedule: string, tick: number, jitter: number): number {
  if (jitter === 0) return tick;
  const digest = hash("sha256", `${schedule}@${tick}`);
  return tick + (Number.parseInt(digest.slice(0, 12), 16) % (jitter + 1));
}

const formats = new Map<string, Intl.DateTimeFormat>();

/** Date and time of day in a zone, e.g. `2026-01-05` and `18:00:00`. */
export function wallClock(ms: number, timezone: string): { readonly date: string; readonly time: string } {
  let format = formats.get(timezone);
  if (!format) {
    // Swedish writes dates as ISO does.
    format = new Intl.DateTimeFormat("sv-SE", {
      timeZone: timezone,
      dateStyle: "short",
      timeStyle: "medium",
    });
    formats.set(timezone, format);
  }
  const [date = "", time = ""] = format.format(ms).split(" ");
  return { date, time };
}

/** The day of a time in a zone, `YYYY-MM-DD`. */
export function dayOf(ms: number, timezone: string): string {
  return wallClock(ms, timezone).date;
}

/** The day so many days after another. */
export function shiftDay(day: string, days: number): string {
  return new Date(Date.parse(`${day}T00:00:00Z`) + days * DAY_MS).toISOString().slice(0, 10);
}
