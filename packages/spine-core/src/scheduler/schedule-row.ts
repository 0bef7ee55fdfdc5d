import { hash } from "node:crypto";
import { decodeJson, type JsonValue } from "../json.ts";
import type { Calendar } from "../partitions/period.ts";
import { isEncoded, notDecoded } from "../payload-codec.ts";
import type { Calendars } from "./calendars.ts";
import { tickGrid } from "./next-ticks.ts";
import type { Schedule, ScheduleRecord, ScheduleSettings, ScheduleStatus, ScheduleTick } from "./schedule.ts";
import type { ScheduleRow, TickRow } from "./schedule-store.ts";
import { nextAfter } from "./settle-schedule.ts";

/** A new row, before it is stored. */
export type NewScheduleRow = Omit<ScheduleRow, "version" | "createdAt" | "updatedAt">;

/** The calendar that settings name; null for none, and where this process does not know it. */
export function calendarOf(
  { calendar }: Pick<ScheduleSettings, "calendar">,
  known: Calendars,
): Calendar | null {
  return calendar === null ? null : (known.get(calendar) ?? null);
}

/** @throws SpineError PAYLOAD_KEY_MISSING where they stand encoded, and this process cannot read them. */
export function settingsOf({ name, settings }: Pick<ScheduleRow, "name" | "settings">): ScheduleSettings {
  const read = decodeJson(settings);
  if (isEncoded(read)) throw notDecoded().withContext({ schedule: name });
  return read as unknown as ScheduleSettings;
}

/** A schedule that begins now. */
export function newRow(
  settings: ScheduleSettings,
  calendars: Calendars,
  now: number,
  declaredBy: string | null,
): NewScheduleRow {
  const text = JSON.stringify(settings);
  return {
    name: settings.name,
    workflow: settings.workflow,
    calendar: settings.calendar,
    settings: text,
    declared: declaredBy === null ? null : text,
    declaredBy,
    undeclaredAt: null,
    pausedAt: null,
    anchor: now,
    settledTo: now,
    ...nextAfter(settings, tickGrid(settings, now, calendarOf(settings, calendars)), now),
    unknown: false,
    queued: 0,
  };
}

const TIMING = [
  "cron",
  "every",
  "at",
  "timezone",
  "startAt",
  "endAt",
  "calendar",
  "closedDays",
  "jitter",
  "enabled",
] as const;

/** True where the times of a schedule are others by a change. */
export function hasOtherTimes(a: ScheduleSettings, b: ScheduleSettings): boolean {
  return TIMING.some((field) => a[field] !== b[field]);
}

/** Settings as they are given, to be changed and checked anew. */
export function givenBy(settings: ScheduleSettings): Schedule {
  const { at, startAt, endAt, ...rest } = settings;
  const date = (ms: number | null) => (ms === null ? undefined : new Date(ms));
  const given = { ...rest, at: date(at), startAt: date(startAt), endAt: date(endAt) };
  const closedDays = settings.calendar === null ? undefined : settings.closedDays;
  return { ...given, closedDays } as unknown as Schedule;
}

/** What an operator changed over what code declared, put over what it declares now. */
export function keptChanges(
  effective: ScheduleSettings,
  declared: ScheduleSettings,
  now: ScheduleSettings,
): ScheduleSettings {
  const changed = Object.entries(effective).filter(
    ([field, value]) => !isSame(value as JsonValue, declared[field as keyof ScheduleSettings] as JsonValue),
  );
  return { ...now, ...Object.fromEntries(changed) };
}

function isSame(a: JsonValue, b: JsonValue): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

export function toRecord(row: ScheduleRow): ScheduleRecord {
  const settings = settingsOf(row);
  const { at, startAt, endAt } = settings;
  const [status, reason] = statusOf(row, settings);
  return Object.freeze({
    ...settings,
    at: isoOf(at),
    startAt: isoOf(startAt),
    endAt: isoOf(endAt),
    status,
    reason,
    declaredBy: row.declaredBy,
    nextTickAt: isoOf(row.nextTick),
    waiting: row.queued,
    pausedAt: isoOf(row.pausedAt),
    createdAt: new Date(row.createdAt).toISOString(),
    updatedAt: new Date(row.updatedAt).toISOString(),
    version: row.version,
    revision: revisionOf(row),
  });
}

/** What people see and change of a schedule, as one word: its version goes on with each tick. */
export function revisionOf(row: ScheduleRow): string {
  return hash("sha256", JSON.stringify([row.settings, row.pausedAt, row.undeclaredAt])).slice(0, 16);
}

function statusOf(row: ScheduleRow, { enabled }: ScheduleSettings): readonly [ScheduleStatus, string | null] {
  if (row.undeclaredAt !== null) {
    const since = new Date(row.undeclaredAt).toISOString();
    return ["DISABLED", `Code (${row.declaredBy}) does not declare it any more, found ${since}.`];
  }
  if (!enabled) return ["DISABLED", "It is not enabled."];
  if (row.pausedAt !== null) return ["PAUSED", `Paused since ${new Date(row.pausedAt).toISOString()}.`];
  if (row.nextTick === null && row.queued === 0 && !row.unknown) return ["ENDED", "It has no more ticks."];
  return ["ACTIVE", null];
}

export function toTick({
  schedule,
  scheduledAt,
  status,
  reason,
  detail,
  runId,
  since,
  recordedAt,
}: TickRow): ScheduleTick {
  return Object.freeze({
    schedule,
    scheduledAt: new Date(scheduledAt).toISOString(),
    status,
    reason,
    detail,
    runId,
    since: isoOf(since),
    recordedAt: new Date(recordedAt).toISOString(),
  });
}

function isoOf(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}
