import { aBoolean, anything, checkOptions, type OptionKinds, required } from "../check-options.ts";
import { SpineError } from "../errors.ts";
import type { Calendars } from "./calendars.ts";
import { refusal } from "./check-schedule.ts";
import { findSchedule, findWorkflow, instantOf, knownCalendar } from "./find-schedule.ts";
import { tickGrid } from "./next-ticks.ts";
import { settingsOf } from "./schedule-row.ts";
import type { TickWrite } from "./schedule-store.ts";
import { type Settling, type StartedTick, settleTicks } from "./settle-ticks.ts";
import { planTick } from "./tick-runs.ts";

/** What a backfill starts, or would start. */
export interface ScheduleBackfill {
  /** The ticks of the range, oldest first: `started` with its run, or why there is none. */
  readonly ticks: readonly {
    readonly scheduledAt: string;
    readonly does: "START" | "HAS_RUN" | "WAITS" | "CLOSED_DAY";
    readonly runId: string | null;
  }[];
  readonly started: number;
}

export interface ScheduleBackfillOptions {
  readonly from: Date | string;
  readonly to: Date | string;
  readonly dryRun?: boolean;
}

export interface BackfillingTicks extends Settling {
  readonly calendars: Calendars;
  /** Runs were stored that wait for somebody. */
  readonly queued: () => void;
}

const BACKFILL: OptionKinds<ScheduleBackfillOptions> = {
  from: required(anything),
  to: required(anything),
  dryRun: aBoolean,
};
/** Ticks of one backfill. */
const MOST = 1_000;
/** Ticks that it settles at a time. */
const BATCH = 100;
const MOST_TRIES = 10;

/** Starts the runs of the ticks of a range that have none. */
export async function backfillTicks(
  options: BackfillingTicks,
  name: string,
  given: ScheduleBackfillOptions,
): Promise<ScheduleBackfill> {
  const { stores, calendars, workflows, clock, queued } = options;
  const store = stores.schedules;

  checkOptions(given, BACKFILL, { of: "a backfill of a schedule" });
  const from = instantOf("from", given.from);
  const to = instantOf("to", given.to);
  if (to < from) throw refusal(name, "to", "is before `from`");
  const row = await findSchedule(store, name);
  const settings = settingsOf(row);
  const workflow = findWorkflow(workflows, settings);
  const until = Math.min(to, await store.now());
  const grid = tickGrid(
    { ...settings, startAt: null },
    settings.startAt ?? row.anchor,
    knownCalendar(settings, calendars),
  );
  const times: number[] = [];
  for (let tick = grid.next(from - 1); tick !== null && tick <= until; tick = grid.next(tick)) {
    if (times.push(tick) > MOST)
      throw refusal(name, "to", `is too far away: there are more than ${MOST} ticks. Fill them in parts`);
  }
  const first = times[0];
  if (first !== undefined) await planTick(workflow, settings, first, clock);
  const known = new Map<number, { readonly status: string; readonly runId: string | null }>();
  for (let before: number | undefined = until + 1; first !== undefined && before !== undefined; ) {
    const page = await store.ticks(name, { from: first, before, limit: MOST });
    for (const tick of page) known.set(tick.scheduledAt, tick);
    before = page.length < MOST ? undefined : page.at(-1)?.scheduledAt;
  }
  const plan = times.map((tick) => {
    const has = known.get(tick);
    const does = !grid.isOpen(tick)
      ? "CLOSED_DAY"
      : has?.runId
        ? "HAS_RUN"
        : has?.status === "QUEUED"
          ? "WAITS"
          : "START";
    return { tick, does, runId: has?.runId ?? null } as const;
  });
  const starts = plan.filter(({ does }) => does === "START").map(({ tick }) => tick);
  const runs = new Map<number, string>();
  if (given.dryRun !== true) {
    for (let at = 0; at < starts.length; at += BATCH) {
      for (const each of await fill(options, name, starts.slice(at, at + BATCH)))
        runs.set(each.scheduledAt, each.runId);
    }
    if (runs.size > 0) queued();
  }
  return {
    started: given.dryRun === true ? starts.length : runs.size,
    ticks: plan.map(({ tick, does, runId }) => ({
      scheduledAt: new Date(tick).toISOString(),
      does,
      runId: runs.get(tick) ?? runId,
    })),
  };
}

/** Starts the runs of ticks of before; those that got one meanwhile keep it. */
async function fill(
  options: Settling,
  name: string,
  starts: readonly number[],
): Promise<readonly StartedTick[]> {
  for (let tries = 0; tries < MOST_TRIES; tries += 1) {
    const row = await findSchedule(options.stores.schedules, name);
    const settings = settingsOf(row);
    const ticks: readonly TickWrite[] = starts.map((scheduledAt) => ({
      scheduledAt,
      status: "STARTED",
      reason: "BACKFILL",
      detail: null,
      runId: null,
      since: null,
    }));
    const settlement = { name, version: row.version, position: row, ticks, ended: [] };
    const { schedules, started } = await settleTicks(options, [{ settings, settlement, starts }]);
    if (schedules.has(name)) return started;
  }
  throw new SpineError(
    "DATABASE_BUSY",
    `Schedule "${name}" was changed by others all the time. Try it again.`,
  );
}
