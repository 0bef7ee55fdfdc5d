import {
  aCount,
  anything,
  aText,
  checkArgument,
  checkOptions,
  type OptionKind,
  type OptionKinds,
  oneOf,
} from "../check-options.ts";
import { SpineError } from "../errors.ts";
import type { RunHandle, RunOptions } from "../runner/runner.ts";
import type { WorkflowData } from "../workflow/workflow.ts";
import {
  type BackfillingTicks,
  backfillTicks,
  type ScheduleBackfill,
  type ScheduleBackfillOptions,
} from "./backfill-ticks.ts";
import { checkSchedule, refusal } from "./check-schedule.ts";
import { checkTickStart } from "./check-tick-start.ts";
import { fromNow, redefined } from "./declared-schedules.ts";
import { findSchedule, findWorkflow, instantOf, knownCalendar } from "./find-schedule.ts";
import { dueAt, tickGrid } from "./next-ticks.ts";
import {
  PAUSED_TICKS,
  type Schedule,
  type ScheduleRecord,
  type ScheduleSettings,
  type ScheduleTick,
} from "./schedule.ts";
import { givenBy, hasOtherTimes, newRow, revisionOf, settingsOf, toRecord, toTick } from "./schedule-row.ts";
import type { ScheduleRow } from "./schedule-store.ts";
import { settleResumed } from "./settle-schedule.ts";
import { type Planned, settleTicks } from "./settle-ticks.ts";
import { tickParams } from "./tick-params.ts";
import { runOptionsOf } from "./tick-runs.ts";

/** What an update changed. */
export interface ScheduleChanged {
  readonly schedule: ScheduleRecord;
  /**
   * Where its times are others by it: from when on these count, which is the moment of the change. Ticks of before that were
   * not taken yet are not taken any more. Null where the times are as they were.
   */
  readonly startsFrom: string | null;
}

/**
 * The schedules of a Spine: when its workflows run. They are in the database and hold in all processes; each of their times starts one run,
 * whichever process takes it (docs/scheduling.md).
 *
 * @example
 * await spine.schedules.create({ name: "nightly", workflow: report, cron: "0 2 * * *", timezone: "Europe/Berlin" });
 * console.log(await spine.schedules.preview("nightly", 3));
 */
export interface Schedules<Run = RunHandle> {
  /** @throws SpineError VALIDATION_FAILED (`detail.issues` names the field), UNKNOWN_WORKFLOW, SCHEDULE_EXISTS. */
  create(schedule: Schedule): Promise<ScheduleRecord>;
  /**
   * Changes fields, the others stay; null takes one away. Other times count from now on. Of a schedule that code declares, the
   * changed fields stay what they were changed to, whatever code says. @throws SpineError SCHEDULE_CHANGED where it is not of the
   * `revision` that was given.
   */
  update(name: string, changes: ScheduleUpdate, options?: OfRevision): Promise<ScheduleChanged>;
  /** @throws SpineError SCHEDULE_NOT_FOUND */
  get(name: string): Promise<ScheduleRecord>;
  /** All of them, by name. */
  list(): Promise<readonly ScheduleRecord[]>;
  /** From now on none of its ticks begins; what runs goes on. */
  pause(name: string): Promise<ScheduleRecord>;
  /** Ends a pause. What was missed meanwhile is skipped, or caught up as the schedule says (`pausedTicks`) or `missed` does. */
  resume(
    name: string,
    options?: { readonly missed?: ScheduleSettings["pausedTicks"] },
  ): Promise<ScheduleRecord>;
  /** Starts a run now, beside its ticks: also while it is paused or disabled. */
  trigger(name: string, options?: TriggerOptions): Promise<Run>;
  /** The times of its next ticks, those that are skipped for their day left out; 5 when left out, 1,000 at most. Of a schedule, or of one that might be created. */
  preview(schedule: string | Schedule, count?: number): Promise<readonly string[]>;
  /**
   * Starts runs for its ticks between two times, both included, that have none: whatever they became then. At most 1,000 at a time. They
   * run beside its ticks, whatever `overlap` says; a `queue` with a limit keeps them from running all at once.
   * With `dryRun`: only what it would do.
   */
  backfill(name: string, options: ScheduleBackfillOptions): Promise<ScheduleBackfill>;
  /**
   * Removes it with what became of its ticks. Its runs stay. One that code declares comes back at the next start: pause it instead.
   * @throws SpineError SCHEDULE_CHANGED where it is not of the `revision` that was given.
   */
  remove(name: string, options?: OfRevision): Promise<void>;
  /** What became of its ticks, newest first; 100 when `limit` is left out, 1,000 at most. `before`: only earlier ones. */
  ticks(
    name: string,
    options?: { readonly limit?: number; readonly before?: Date | string },
  ): Promise<readonly ScheduleTick[]>;
}

export type ScheduleUpdate = { readonly [K in Exclude<keyof Schedule, "name">]?: Schedule[K] | null };

/** Only where nobody has changed it meanwhile. */
export interface OfRevision {
  /** The `revision` of the record that was looked at; whatever it is, when left out. */
  readonly revision?: string;
}

export interface TriggerOptions {
  /** Instead of the schedule's. */
  readonly params?: unknown;
  /** As in `spine.run`: triggered again with it, the first run is found. */
  readonly key?: string;
}

export interface SchedulesOptions extends BackfillingTicks {
  readonly run: (workflow: WorkflowData, params: unknown, options: RunOptions) => Promise<RunHandle>;
  /** Schedules have changed: somebody may have to look. */
  readonly changed: () => void;
}

const RESUME: OptionKinds<{ missed: unknown }> = { missed: oneOf(PAUSED_TICKS) };
const REVISION: Readonly<Record<string, OptionKind>> = { revision: aText };
const TRIGGER: OptionKinds<TriggerOptions> = { params: anything, key: anything };
const TICKS: OptionKinds<{ limit: unknown; before: unknown }> = { limit: aCount, before: anything };
const KINDS = ["cron", "every", "at"] as const;
const MOST = 1_000;
const MOST_TRIES = 10;

/** The schedules of a process. */
export function schedulesOf(options: SchedulesOptions): Schedules {
  const { stores, calendars, workflows, clock, changed } = options;
  const store = stores.schedules;

  const rowOf = (name: string) => findSchedule(store, name);
  const workflowOf = (settings: ScheduleSettings) => findWorkflow(workflows, settings);
  const checkStart = (settings: ScheduleSettings, tick: number) =>
    checkTickStart(workflowOf(settings), settings, tick, clock);
  /** Changes a schedule as it stands; done again where somebody else changed it meanwhile. */
  const change = async (
    name: string,
    to: (row: ScheduleRow, now: number) => Planned | undefined | Promise<Planned | undefined>,
  ): Promise<ScheduleRecord> => {
    for (let tries = 0; tries < MOST_TRIES; tries += 1) {
      const row = await rowOf(name);
      const planned = await to(row, await store.now());
      if (!planned) return toRecord(row);
      const { schedules } = await settleTicks(options, [planned]);
      if (!schedules.has(name)) continue;
      changed();
      return toRecord(await rowOf(name));
    }
    throw alwaysChanged(name);
  };

  return {
    async create(given) {
      const settings = checkSchedule(given, { calendars });
      workflowOf(settings);
      const now = await store.now();
      checkTimes(settings, now);
      const row = newRow(settings, calendars, now, null);
      await checkStart(settings, row.nextTick ?? now);
      if (!(await store.add(row))) {
        const message =
          "is taken: there is a schedule of that name. Change that one (`update`), or choose another name";
        throw refusal(settings.name, "name", message, "SCHEDULE_EXISTS");
      }
      changed();
      return toRecord(await rowOf(settings.name));
    },

    async update(name, changes, of = {}) {
      checkOptions(of, REVISION, { of: "update" });
      let startsFrom: string | null = null;
      const schedule = await change(name, async (row, now) => {
        checkRevision(row, of);
        const before = settingsOf(row);
        const settings = checkSchedule(changedSchedule(before, changes), { calendars });
        const isOther = hasOtherTimes(before, settings);
        if (isOther) checkTimes(settings, now, before);
        await checkStart(settings, row.nextTick ?? now);
        startsFrom = isOther ? new Date(now).toISOString() : null;
        const { workflow, calendar } = settings;
        const base = { ...row, workflow, calendar, settings: JSON.stringify(settings) };
        const next = isOther ? { ...base, ...fromNow(row, settings, calendars, now) } : base;
        if (row.undeclaredAt !== null) Object.assign(next, { nextTick: null, nextAt: null, lateAt: null });
        return { settings, starts: [], settlement: await redefined(store, row, next) };
      });
      return { schedule, startsFrom };
    },

    get: async (name) => toRecord(await rowOf(name)),
    list: async () => (await store.list()).map(toRecord),

    pause: (name) =>
      change(name, (row, now) => {
        if (row.pausedAt !== null) return undefined;
        const none = { nextTick: null, nextAt: null, lateAt: null };
        const position = { ...row, ...none, pausedAt: now };
        const settlement = { name, version: row.version, position, ticks: [], ended: [] };
        return { settings: settingsOf(row), starts: [], settlement };
      }),

    async resume(name, how = {}) {
      checkOptions(how, RESUME, { of: "resume" });
      return await change(name, (row, now) => {
        if (row.pausedAt === null) return undefined;
        const settings = settingsOf(row);
        const calendar = knownCalendar(settings, calendars);
        const missed = how.missed ?? settings.pausedTicks;
        const settlement = settleResumed(row, settings, calendar, now, missed);
        const none = { nextTick: null, nextAt: null, lateAt: null };
        const position =
          row.undeclaredAt === null ? settlement.position : { ...settlement.position, ...none };
        return { settings, starts: [], settlement: { ...settlement, position } };
      });
    },

    async trigger(name, how = {}) {
      checkOptions(how, TRIGGER, { of: "trigger" });
      const settings = settingsOf(await rowOf(name));
      const params = tickParams(
        { ...settings, params: (how.params ?? settings.params) as never },
        await store.now(),
      );
      const key = how.key === undefined ? {} : { key: how.key };
      return await options.run(workflowOf(settings), params, { ...runOptionsOf(settings), ...key });
    },

    async preview(schedule, count = 5) {
      checkArgument("count", count, aCount, { of: "preview" });
      const row = typeof schedule === "string" ? await rowOf(schedule) : undefined;
      const settings = row ? settingsOf(row) : checkSchedule(schedule as Schedule, { calendars });
      const now = await store.now();
      const grid = tickGrid(settings, row?.anchor ?? now, knownCalendar(settings, calendars));
      const times: string[] = [];
      // A tick that has come and that nobody has taken yet is next for as long as it can be on time.
      const isNext = (tick: number) =>
        dueAt(settings.name, tick, settings.jitter) + settings.misfireGrace >= now;
      const from =
        row?.pausedAt === null
          ? Math.max(row.settledTo, now - settings.misfireGrace - settings.jitter - 1)
          : now;
      // A year of closed days is looked through at most.
      const end = now + 400 * 86_400_000;
      for (
        let tick = grid.next(from);
        tick !== null && times.length < Math.min(count, MOST);
        tick = grid.next(tick)
      ) {
        if (!isNext(tick)) continue;
        if (grid.isOpen(tick)) times.push(new Date(tick).toISOString());
        else if (tick > end) break;
      }
      return times;
    },

    backfill: (name, given) => backfillTicks(options, name, given),

    async remove(name, of = {}) {
      checkOptions(of, REVISION, { of: "remove" });
      for (let tries = 0; ; tries += 1) {
        const row = await rowOf(name);
        checkRevision(row, of);
        if (await store.remove(name, of.revision === undefined ? undefined : row.version)) break;
        if (of.revision === undefined) break;
        if (tries === MOST_TRIES) throw alwaysChanged(name);
      }
      changed();
    },

    async ticks(name, how = {}) {
      checkOptions(how, TICKS, { of: "ticks" });
      await rowOf(name);
      const before = how.before === undefined ? {} : { before: instantOf("before", how.before) };
      const rows = await store.ticks(name, { limit: Math.min(how.limit ?? 100, MOST), ...before });
      return rows.map(toTick);
    },
  };
}

function alwaysChanged(name: string): SpineError {
  return new SpineError(
    "DATABASE_BUSY",
    `Schedule "${name}" was changed by others all the time. Try it again.`,
  );
}

/** Compared in the row that the change is made of, which is stored only where nobody else has changed it. */
function checkRevision(row: ScheduleRow, { revision }: OfRevision): void {
  if (revision === undefined || revision === revisionOf(row)) return;
  throw new SpineError(
    "SCHEDULE_CHANGED",
    `Schedule "${row.name}" was changed meanwhile. Look at it again (\`get\`), and repeat the change if it still makes sense.`,
  );
}

/** @throws ValidationError where there will never be a tick, and there should be. */
function checkTimes(settings: ScheduleSettings, now: number, before?: ScheduleSettings): void {
  const { name, at, endAt, enabled } = settings;
  if (!enabled) return;
  if (at !== null && at <= now && at !== before?.at)
    throw refusal(name, "at", `is ${new Date(at).toISOString()}, which is past`);
  if (endAt !== null && endAt <= now && endAt !== before?.endAt)
    throw refusal(name, "endAt", `is ${new Date(endAt).toISOString()}, which is past`);
}

function changedSchedule(before: ScheduleSettings, changes: ScheduleUpdate): Schedule {
  checkArgument(
    "changes",
    changes,
    {
      is: "an object with the fields to change",
      fits: (value) => typeof value === "object" && value !== null && !("name" in value),
    },
    { of: "update" },
  );
  const given = Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== undefined));
  // A time of another kind takes the place of the one there is.
  const other = KINDS.some((kind) => given[kind] !== undefined && given[kind] !== null);
  const kinds = other ? Object.fromEntries(KINDS.map((kind) => [kind, null])) : {};
  const closed = given.calendar === null ? { closedDays: null } : {};
  return { ...givenBy(before), ...kinds, ...closed, ...given } as Schedule;
}
