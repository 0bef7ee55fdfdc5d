import type { Duration } from "../duration.ts";
import type { JsonValue } from "../json.ts";

/** What becomes of ticks that nobody took in time: an outage, say. */
export const CATCH_UP = ["none", "latest", "all"] as const;
/** What becomes of a tick while a run of an earlier one is not over. */
export const OVERLAP = ["skip", "queue", "cancel-running", "allow"] as const;
/** What becomes of a tick on a day that its calendar does not have. */
export const CLOSED_DAYS = ["skip", "next"] as const;
/** What becomes of ticks that were missed while the schedule was paused. */
export const PAUSED_TICKS = ["skip", "catch-up"] as const;

export interface CatchUp {
  readonly policy: (typeof CATCH_UP)[number];
  /** With `all`: how many ticks at most, the newest; 100 when left out, 500 at most. */
  readonly max?: number;
  /** How old a tick may be to be caught up, `"7d"` when left out. */
  readonly window?: Duration;
}

/**
 * When a workflow runs: plain data. Exactly one of `cron`, `every` and `at`; none of them for one that is `enabled: false` and is
 * only triggered.
 */
export interface Schedule {
  /** Unique among the schedules of a database: 1 to 80 letters, digits, `.`, `_`, `-`, `/` and `:`. */
  readonly name: string;
  /** The workflow, or its name. */
  readonly workflow: string | { readonly name: string };
  /**
   * Of its runs. A text that is `{scheduled_at}` stands for the time of the tick (ISO, UTC), `{scheduled_date}` for its day in
   * the schedule's zone, `{scheduled_date - 21d}` for one so many days away.
   */
  readonly params?: unknown;
  /** Five fields, or six with seconds first, as `"0 18 * * 1-5"`. Sunday is 0. */
  readonly cron?: string;
  /** A whole number of seconds between two ticks, e.g. `"15m"`, counted from `startAt` (from its creation when left out). */
  readonly every?: Duration;
  /** Once, at this time: a Date, or an ISO text with its zone. */
  readonly at?: Date | string;
  /** An IANA zone, `UTC` when left out: what cron and calendar days are read in. */
  readonly timezone?: string;
  /** False: it has no ticks; true when left out. */
  readonly enabled?: boolean;
  /** `latest` when left out: after an outage one run, for the newest tick that was missed. */
  readonly catchUp?: CatchUp["policy"] | CatchUp;
  /** `skip` when left out. */
  readonly overlap?: (typeof OVERLAP)[number];
  /** How late a tick may begin and still be on time; `"60s"` when left out. What is later was missed: `catchUp` says what becomes of it. */
  readonly misfireGrace?: Duration;
  /** Ticks begin up to so much later than they are due, each by an amount of its own that is always the same; 0 when left out. */
  readonly jitter?: Duration;
  /** No ticks before it. */
  readonly startAt?: Date | string;
  /** No ticks after it. */
  readonly endAt?: Date | string;
  /** The name of a calendar of `createSpine({ calendars })` or of a plugin; `weekdays` is there always. */
  readonly calendar?: string;
  /** What becomes of a tick on a day that the calendar does not have: `skip` (when left out), or the `next` day that it has, at the same time. */
  readonly closedDays?: (typeof CLOSED_DAYS)[number];
  /** `skip` when left out: after a pause it goes on with the next tick. `catch-up`: what was missed is treated as after an outage. */
  readonly pausedTicks?: (typeof PAUSED_TICKS)[number];
  /** Of its runs, as in `spine.run`. */
  readonly queue?: string;
  readonly priority?: number;
  readonly tags?: readonly string[];
}

/** A schedule with everything said: as it is stored. Times and durations in milliseconds. */
export interface ScheduleSettings {
  readonly name: string;
  readonly workflow: string;
  readonly params: JsonValue;
  readonly cron: string | null;
  readonly every: number | null;
  readonly at: number | null;
  readonly timezone: string;
  readonly enabled: boolean;
  readonly catchUp: { readonly policy: CatchUp["policy"]; readonly max: number; readonly window: number };
  readonly overlap: (typeof OVERLAP)[number];
  readonly misfireGrace: number;
  readonly jitter: number;
  readonly startAt: number | null;
  readonly endAt: number | null;
  readonly calendar: string | null;
  readonly closedDays: (typeof CLOSED_DAYS)[number];
  readonly pausedTicks: (typeof PAUSED_TICKS)[number];
  readonly queue: string | null;
  readonly priority: number;
  readonly tags: readonly string[];
}

export const SCHEDULE_STATUSES = ["ACTIVE", "PAUSED", "DISABLED", "ENDED"] as const;
/** ENDED: it has no more ticks, its last one is over. */
export type ScheduleStatus = (typeof SCHEDULE_STATUSES)[number];

/** A schedule as it stands. Durations in milliseconds, times as ISO texts in UTC. */
export interface ScheduleRecord extends Omit<ScheduleSettings, "at" | "startAt" | "endAt"> {
  readonly at: string | null;
  readonly startAt: string | null;
  readonly endAt: string | null;
  readonly status: ScheduleStatus;
  /** Why it is in that status, for people; null while it is ACTIVE. */
  readonly reason: string | null;
  /** `code`, or the plugin that declares it; null for one that was created. */
  readonly declaredBy: string | null;
  /** The time of its next tick. */
  readonly nextTickAt: string | null;
  /** Ticks that wait for the end of a run. */
  readonly waiting: number;
  readonly pausedAt: string | null;
  readonly createdAt: string;
  readonly updatedAt: string;
  /** One more with each write. */
  readonly version: number;
  /** Another one whenever somebody has changed or paused it, and the same over its ticks: `update` and `remove` take it. */
  readonly revision: string;
}

/**
 * STARTED: it has a run. QUEUED: it waits for the end of the run before it. SKIPPED: by its own rules there was nothing to do. MISSED:
 * nobody took it in time.
 */
export const TICK_STATUSES = ["STARTED", "QUEUED", "SKIPPED", "MISSED"] as const;
export type TickStatus = (typeof TICK_STATUSES)[number];

/** Why a tick became what it is. */
export const TICK_REASONS = [
  // STARTED later than it was due
  "CAUGHT_UP",
  "BACKFILL",
  "WAITED",
  // SKIPPED
  "OVERLAP",
  "QUEUE_FULL",
  "CLOSED_DAY",
  "PAUSED",
  "EDITED",
  // MISSED
  "NOT_CAUGHT_UP",
  "SUPERSEDED",
  "TOO_OLD",
  "TOO_MANY",
  "UNKNOWN_WORKFLOW",
  "REFUSED",
] as const;
export type TickReason = (typeof TICK_REASONS)[number];

/** One time of a schedule, and what became of it. */
export interface ScheduleTick {
  readonly schedule: string;
  readonly scheduledAt: string;
  readonly status: TickStatus;
  readonly reason: TickReason | null;
  /** For people. */
  readonly detail: string | null;
  readonly runId: string | null;
  /** Of a row that stands for many ticks that were passed over: they lie after this time; null for one that stands for itself. */
  readonly since: string | null;
  readonly recordedAt: string;
}
