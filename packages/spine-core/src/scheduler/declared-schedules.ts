import type { Clock } from "../clock.ts";
import { SpineError } from "../errors.ts";
import type { Logger } from "../logger.ts";
import type { Registry } from "../registry.ts";
import type { WorkflowData } from "../workflow/workflow.ts";
import type { Calendars } from "./calendars.ts";
import { checkSchedule, refusal } from "./check-schedule.ts";
import { checkTickStart } from "./check-tick-start.ts";
import { tickGrid } from "./next-ticks.ts";
import type { Schedule, ScheduleSettings } from "./schedule.ts";
import { calendarOf, givenBy, hasOtherTimes, keptChanges, newRow, settingsOf } from "./schedule-row.ts";
import type { ScheduleRow, ScheduleStore, Settlement } from "./schedule-store.ts";
import { nextAfter } from "./settle-schedule.ts";
import { type Settling, settleTicks } from "./settle-ticks.ts";

/** The schedules that one package, or the host, declares. */
export interface Declaration {
  /** `code`, or the name of the plugin. */
  readonly by: string;
  readonly schedules: readonly Schedule[];
}

export interface Declared {
  readonly by: string;
  readonly schedules: readonly ScheduleSettings[];
}

/**
 * Schedules as code declares them, checked.
 *
 * @throws SpineError CONFIG_INVALID or DUPLICATE_NAME that names the schedule and the field.
 */
export async function checkDeclarations(
  declarations: readonly Declaration[],
  calendars: Calendars,
  workflows: Pick<Registry<WorkflowData>, "has" | "get">,
  clock: Clock,
): Promise<readonly Declared[]> {
  const owners = new Map<string, string>();
  const check = async (given: Schedule, by: string): Promise<ScheduleSettings> => {
    const settings = checkSchedule(given, { code: "CONFIG_INVALID", calendars });
    const { name, workflow } = settings;
    if (owners.has(name)) {
      throw new SpineError(
        "DUPLICATE_NAME",
        `Two schedules are named "${name}": of "${owners.get(name)}", and of "${by}". Rename one.`,
        {
          detail: { issues: [{ path: "/name", message: "is taken" }] },
        },
      );
    }
    if (!workflows.has(workflow))
      throw refusal(name, "workflow", unknownWorkflow(workflow), "UNKNOWN_WORKFLOW");
    owners.set(name, by);
    const now = clock.now();
    const { nextTick } = nextAfter(settings, tickGrid(settings, now, calendarOf(settings, calendars)), now);
    await checkTickStart(workflows.get(workflow), settings, nextTick ?? now, clock, "CONFIG_INVALID");
    return settings;
  };
  const declared: Declared[] = [];
  for (const { by, schedules } of declarations) {
    const checked: ScheduleSettings[] = [];
    for (const given of schedules) checked.push(await check(given, by));
    declared.push({ by, schedules: checked });
  }
  return declared;
}

export function unknownWorkflow(workflow: string): string {
  return `is "${workflow}", which this process does not know. Add it to createSpine({ workflows }), or the plugin that brings it`;
}

/** How often what others change at the same time is looked at again. */
const MOST_TRIES = 10;

/**
 * Brings the schedules of the database to what code declares: new ones begin now, changed ones are changed (what operators changed of
 * them stays), and those that are not declared any more are disabled.
 */
export async function declareSchedules(
  options: Settling & { readonly calendars: Calendars; readonly logger: Logger },
  declared: readonly Declared[],
): Promise<void> {
  if (declared.length === 0) return;
  const { stores, calendars, logger } = options;
  for (let tries = 0; tries < MOST_TRIES; tries += 1) {
    const now = await stores.schedules.now();
    const rows = new Map((await stores.schedules.list()).map((row) => [row.name, row]));
    const changes: {
      readonly row: ScheduleRow;
      readonly next: ScheduleRow;
      readonly settings: ScheduleSettings;
    }[] = [];
    let isDone = true;
    for (const { by, schedules } of declared) {
      for (const settings of schedules) {
        const row = rows.get(settings.name);
        if (!row) {
          const fresh = newRow(settings, calendars, now, by);
          if (!(await stores.schedules.add(fresh))) isDone = false;
          // Not refused: code stays as it is when its time is over, and a database may be new.
          else if (settings.enabled && fresh.nextTick === null)
            logger.warn(`Schedule "${settings.name}" has no tick to come: its time is past.`, { by });
          continue;
        }
        if (row.declaredBy !== by) {
          logger.warn(`Schedule "${row.name}" is not taken from code: there is one of that name already.`, {
            declaredBy: row.declaredBy,
            by,
          });
          continue;
        }
        const next = redeclared(row, settings, calendars, now);
        if (next) changes.push(next);
      }
      for (const row of rows.values()) {
        const isGone =
          row.declaredBy === by &&
          row.undeclaredAt === null &&
          !schedules.some(({ name }) => name === row.name);
        if (!isGone) continue;
        logger.warn(`Schedule "${row.name}" is disabled: "${by}" does not declare it any more.`);
        const next = {
          ...row,
          undeclaredAt: now,
          nextTick: null,
          nextAt: null,
          lateAt: null,
          unknown: false,
          queued: 0,
        };
        changes.push({ row, next, settings: settingsOf(row) });
      }
    }
    if (changes.length > 0) {
      const planned = changes.map(async ({ row, next, settings }) => ({
        settings,
        starts: [],
        settlement: await redefined(stores.schedules, row, next),
      }));
      const { schedules } = await settleTicks(options, await Promise.all(planned));
      if (schedules.size < changes.length) isDone = false;
    }
    if (isDone) return;
  }
  logger.warn(
    "Schedules were changed by others all the time: those that code declares may not be up to date.",
  );
}

/** The row of a schedule that code declares otherwise now, or again; undefined where nothing changes. */
function redeclared(row: ScheduleRow, settings: ScheduleSettings, calendars: Calendars, now: number) {
  const text = JSON.stringify(settings);
  if (row.declared === text && row.undeclaredAt === null) return undefined;
  const before = settingsOf(row);
  const declared = JSON.parse(row.declared ?? row.settings) as ScheduleSettings;
  const kept = keptChanges(before, declared, settings);
  // What an operator changed may not fit what code says by now: then code is right.
  const after = fits(kept, calendars) ? kept : settings;
  const isOther = row.undeclaredAt !== null || hasOtherTimes(before, after);
  const next: ScheduleRow = {
    ...row,
    workflow: after.workflow,
    calendar: after.calendar,
    settings: JSON.stringify(after),
    declared: text,
    undeclaredAt: null,
    ...(isOther ? fromNow(row, after, calendars, now) : {}),
  };
  return { row, next, settings: after };
}

function fits(settings: ScheduleSettings, calendars: Calendars): boolean {
  try {
    checkSchedule(givenBy(settings), { calendars });
    return true;
  } catch {
    return false;
  }
}

/** Ticks that are looked through for those that wait; there are not more of them. */
const MOST_WAITING = 1_000;

/** A schedule that is another from now on. Where nothing waits any more (`queued`), ticks that waited are skipped. */
export async function redefined(
  store: Pick<ScheduleStore, "ticks">,
  row: ScheduleRow,
  next: ScheduleRow,
): Promise<Settlement> {
  const { name, version } = row;
  const isEnd = row.queued > 0 && next.queued === 0;
  const known = isEnd ? await store.ticks(name, { limit: MOST_WAITING }) : [];
  const ticks = known
    .filter(({ status }) => status === "QUEUED")
    .map(({ scheduledAt }) => ({
      scheduledAt,
      status: "SKIPPED" as const,
      reason: "EDITED" as const,
      detail: "The schedule was changed while it waited.",
      runId: null,
      since: null,
    }));
  return { name, version, position: next, definition: next, ticks, ended: [] };
}

/** A schedule whose times are others from now on: those of before are not looked at any more. */
export function fromNow(
  row: Pick<ScheduleRow, "pausedAt">,
  settings: ScheduleSettings,
  calendars: Calendars,
  now: number,
) {
  const next = nextAfter(settings, tickGrid(settings, now, calendarOf(settings, calendars)), now);
  const none = { nextTick: null, nextAt: null, lateAt: null };
  return { anchor: now, settledTo: now, unknown: false, queued: 0, ...(row.pausedAt === null ? next : none) };
}
