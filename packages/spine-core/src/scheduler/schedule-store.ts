import type { DatabaseTransaction } from "../database/database-transaction.ts";
import type { TickReason, TickStatus } from "./schedule.ts";

/** A schedule as it is stored. Times in milliseconds since the epoch, of the database's clock. */
export interface ScheduleRow {
  readonly name: string;
  readonly workflow: string;
  /** The calendar that whoever settles its ticks has to know. */
  readonly calendar: string | null;
  /** JSON text of its `ScheduleSettings`. */
  readonly settings: string;
  /** The same as code declared it last; null for one that was created. */
  readonly declared: string | null;
  readonly declaredBy: string | null;
  /** When it was found that code declares it no more. */
  readonly undeclaredAt: number | null;
  readonly pausedAt: number | null;
  /** What an interval is counted from. */
  readonly anchor: number;
  /** Ticks up to this time are settled: all that follows is derived from it. */
  readonly settledTo: number;
  /** Its next tick; null when there is none, or it is paused or disabled. */
  readonly nextTick: number | null;
  /** When that is due. */
  readonly nextAt: number | null;
  /** From when on it is late. */
  readonly lateAt: number | null;
  /** True: ticks were recorded as missed by somebody who does not know its workflow. Whoever does may catch them up. */
  readonly unknown: boolean;
  /** Ticks that wait for the end of a run. */
  readonly queued: number;
  readonly version: number;
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** How far a schedule has come: what each settlement says anew. */
export type SchedulePosition = Pick<
  ScheduleRow,
  "pausedAt" | "settledTo" | "nextTick" | "nextAt" | "lateAt" | "unknown" | "queued"
>;

/** What a schedule is: what only a change of the schedule itself says. */
export type ScheduleDefinition = Pick<
  ScheduleRow,
  "workflow" | "calendar" | "settings" | "declared" | "declaredBy" | "undeclaredAt" | "anchor"
>;

export interface TickWrite {
  readonly scheduledAt: number;
  readonly status: TickStatus;
  readonly reason: TickReason | null;
  readonly detail: string | null;
  readonly runId: string | null;
  readonly since: number | null;
}

export interface TickRow extends TickWrite {
  readonly schedule: string;
  readonly recordedAt: number;
}

/** What becomes of ticks, and with it of their schedule: all of it or, where the schedule was changed meanwhile, nothing. */
export interface Settlement {
  readonly name: string;
  /** The version that it was decided by. */
  readonly version: number;
  readonly position: SchedulePosition;
  /** Left out, the schedule stays what it is. */
  readonly definition?: ScheduleDefinition;
  readonly ticks: readonly TickWrite[];
  /** Ticks whose run is over: nobody has to look at it again. */
  readonly ended: readonly number[];
}

/** What was settled. */
export interface SettledSchedules {
  /** Schedules that were as they had been. */
  readonly schedules: ReadonlySet<string>;
  /** Ticks that are recorded as asked for, as `tickKey` has them: others had a run already. */
  readonly ticks: ReadonlySet<string>;
}

export interface DueSchedule {
  readonly row: ScheduleRow;
  /** False: its workflow or its calendar was not among those asked for. */
  readonly known: boolean;
  /** Its runs that are not over, by the times of their ticks; those of backfills, which stand in nobody's way, are left out. */
  readonly active: readonly { readonly scheduledAt: number; readonly runId: string }[];
  /** Ticks whose run is over, and that are not known to be so yet. */
  readonly ended: readonly number[];
  /** The oldest of the ticks that wait. */
  readonly waiting: readonly number[];
}

export interface ScheduleLook {
  /** The database's time, ms since the epoch. */
  readonly now: number;
  /** What there is to do, the longest due first. */
  readonly due: readonly DueSchedule[];
  /** When the next one is due; null for none. */
  readonly nextAt: number | null;
  /** True where ticks wait for the end of a run. */
  readonly waiting: boolean;
}

export interface LookRequest {
  /** The workflows and calendars that the process knows. Schedules of others are due once they are late. */
  readonly workflows: readonly string[];
  readonly calendars: readonly string[];
  readonly limit: number;
}

export interface TickQuery {
  /** Only ticks before this time (ms since the epoch). */
  readonly before?: number;
  /** Only this time and later ones. */
  readonly from?: number;
  readonly limit: number;
}

/**
 * Schedules and their ticks. Any number of processes settle them side by side: a settlement counts only where the schedule is as it was
 * when it was decided, and each tick is there once. Conformance suite: `testScheduleStore` in `spine-core/testing`.
 */
export interface ScheduleStore {
  /** The database's time, ms since the epoch: what is due and what is past is said by it alone. */
  now(): Promise<number>;
  /** Stores a new schedule; false where there is one of its name. */
  add(row: Omit<ScheduleRow, "version" | "createdAt" | "updatedAt">): Promise<boolean>;
  /** Schedules by name, all of them when left out, in the order of their names. */
  list(names?: readonly string[]): Promise<readonly ScheduleRow[]>;
  /** What is due, in at most two statements; one where nothing is. */
  look(request: LookRequest): Promise<ScheduleLook>;
  /**
   * Settles in an open transaction, in at most three statements. A tick that is recorded with a run stays as it is; one without may
   * become another. A schedule that somebody else is settling right now counts as changed.
   */
  settle(transaction: DatabaseTransaction, settlements: readonly Settlement[]): Promise<SettledSchedules>;
  /** Ticks of a schedule, newest first. */
  ticks(name: string, query: TickQuery): Promise<readonly TickRow[]>;
  /** Removes a schedule with its ticks; false where there is none (or, with a version, none of that version). Its runs stay. */
  remove(name: string, version?: number): Promise<boolean>;
  /** Removes up to `limit` ticks before a time (ms since the epoch) that nobody looks at any more. Returns how many. */
  prune(options: { readonly before: number; readonly limit: number }): Promise<number>;
}

export function tickKey(schedule: string, scheduledAt: number): string {
  return `${schedule}@${new Date(scheduledAt).toISOString()}`;
}
