import type { ScheduleRow, TickRow, TickWrite } from "spine-core";
import { isoTime } from "./iso-time.ts";

/** A row of `schedules`; numbers are texts on Postgres where they may be large, booleans are numbers on SQLite. */
export interface StoredSchedule {
  readonly name: string;
  readonly version: number | string;
  readonly workflow: string;
  readonly calendar: string | null;
  readonly settings: string;
  readonly declared: string | null;
  readonly declared_by: string | null;
  readonly undeclared_at: string | null;
  readonly paused_at: string | null;
  readonly anchor: string;
  readonly settled_to: string;
  readonly next_tick: string | null;
  readonly next_at: string | null;
  readonly late_at: string | null;
  readonly left_unknown: boolean | number;
  readonly queued: number;
  readonly created_at: string;
  readonly updated_at: string;
}

/** A row of `schedule_ticks`. */
export interface StoredTick {
  readonly schedule: string;
  readonly scheduled_at: string;
  readonly status: TickRow["status"];
  readonly reason: TickRow["reason"];
  readonly detail: string | null;
  readonly run_id: string | null;
  readonly since: string | null;
  readonly recorded_at: string;
}

export function readSchedule(row: StoredSchedule): ScheduleRow {
  return {
    name: row.name,
    version: Number(row.version),
    workflow: row.workflow,
    calendar: row.calendar,
    settings: row.settings,
    declared: row.declared,
    declaredBy: row.declared_by,
    undeclaredAt: msOf(row.undeclared_at),
    pausedAt: msOf(row.paused_at),
    anchor: Date.parse(row.anchor),
    settledTo: Date.parse(row.settled_to),
    nextTick: msOf(row.next_tick),
    nextAt: msOf(row.next_at),
    lateAt: msOf(row.late_at),
    unknown: Boolean(row.left_unknown),
    queued: Number(row.queued),
    createdAt: Date.parse(row.created_at),
    updatedAt: Date.parse(row.updated_at),
  };
}

export function readTick(row: StoredTick): TickRow {
  const { schedule, scheduled_at, status, reason, detail, run_id: runId, since, recorded_at } = row;
  const times = {
    scheduledAt: Date.parse(scheduled_at),
    since: msOf(since),
    recordedAt: Date.parse(recorded_at),
  };
  return { schedule, status, reason, detail, runId, ...times };
}

/** What of a schedule is written, with the columns that it stands in, in JSON. */
export function scheduleCells(
  row: Partial<Omit<ScheduleRow, "createdAt" | "updatedAt">>,
): Readonly<Record<string, unknown>> {
  return {
    name: row.name,
    version: row.version,
    workflow: row.workflow,
    calendar: row.calendar ?? null,
    settings: row.settings,
    declared: row.declared ?? null,
    declared_by: row.declaredBy ?? null,
    undeclared_at: timeOf(row.undeclaredAt),
    paused_at: timeOf(row.pausedAt),
    anchor: timeOf(row.anchor),
    settled_to: timeOf(row.settledTo),
    next_tick: timeOf(row.nextTick),
    next_at: timeOf(row.nextAt),
    late_at: timeOf(row.lateAt),
    left_unknown: row.unknown,
    queued: row.queued,
  };
}

/** The same of a tick. Open is what somebody has to look at again: a run that may not be over, or the wait for one. */
export function tickCells(schedule: string, tick: TickWrite): Readonly<Record<string, unknown>> {
  const { scheduledAt, status, reason, detail, runId, since } = tick;
  const isOpen = status === "STARTED" || status === "QUEUED";
  return {
    schedule,
    scheduled_at: isoTime(scheduledAt),
    status,
    reason,
    detail,
    run_id: runId,
    since: timeOf(since),
    is_open: isOpen,
  };
}

function timeOf(ms: number | null | undefined): string | null {
  return ms === null || ms === undefined ? null : isoTime(ms);
}

export function msOf(time: string | null): number | null {
  return time === null ? null : Date.parse(time);
}
