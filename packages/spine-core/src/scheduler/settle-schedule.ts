import type { Calendar } from "../partitions/period.ts";
import { dueAt, lastTicks, type TickGrid, tickGrid } from "./next-ticks.ts";
import type { ScheduleSettings, TickReason } from "./schedule.ts";
import type { DueSchedule, SchedulePosition, ScheduleRow, Settlement, TickWrite } from "./schedule-store.ts";

/** Ticks that one settlement looks at; older ones become one row. */
const MOST_TICKS = 1_000;
/** Passed over ticks that have a row of their own; older ones become one row. */
const MOST_ROWS = 100;
/** Ticks that wait for the end of a run. */
const MOST_QUEUED = 100;

/** What is to be done for a schedule: what is stored, and what happens besides. */
export interface Decision {
  readonly settlement: Settlement;
  /** Ticks that get a run: the `runId` of their rows is still to be said. */
  readonly starts: readonly number[];
  /** Runs that are cancelled before. */
  readonly cancels: readonly string[];
}

/** Where a schedule goes on from. */
export type NextTick = Pick<ScheduleRow, "nextTick" | "nextAt" | "lateAt">;

const NOWHERE: NextTick = { nextTick: null, nextAt: null, lateAt: null };

/** The next tick of a schedule after a time, and when it is due. */
export function nextAfter(settings: ScheduleSettings, grid: TickGrid, after: number): NextTick {
  const tick = settings.enabled ? grid.next(after) : null;
  if (tick === null) return NOWHERE;
  const nextAt = dueAt(settings.name, tick, settings.jitter);
  return { nextTick: tick, nextAt, lateAt: nextAt + settings.misfireGrace + 1 };
}

/**
 * What becomes of the ticks of a schedule that are due: a function of its row, of its runs that are not over and of the
 * time, so that all processes decide alike.
 *
 * @param calendar the one that its settings name; null for none.
 */
export function settleSchedule(
  { row, active, ended, waiting }: DueSchedule,
  settings: ScheduleSettings,
  calendar: Calendar | null,
  now: number,
): Decision {
  const grid = tickGrid(settings, row.anchor, calendar);
  const { ticks, more } = lastTicks(grid, row.settledTo, now, MOST_TICKS + 1);
  const told = new Rows();
  const looked = ticks.slice(-MOST_TICKS);
  const [passed] = ticks.slice(0, -MOST_TICKS);
  if (passed !== undefined) {
    told.add(passed, "MISSED", "TOO_MANY", `At most ${MOST_TICKS} ticks are looked at.`);
    if (more) told.fold(row.settledTo);
  }
  const due = dueTicks(settings, looked, now);
  const state = { busy: active.length > 0, queued: row.queued };

  // One that has waited goes first: its time was earlier.
  const [oldest] = waiting;
  if (!state.busy && oldest !== undefined) {
    told.start(oldest, "WAITED");
    state.busy = true;
    state.queued -= 1;
  }
  const { onTime, caught } = sort(settings, grid, due, now, told);
  const isAll = settings.catchUp.policy === "all";
  for (const tick of caught) {
    // Who asks for all of them means all: they wait for each other, whatever becomes of ticks that are on time.
    if (!state.busy || settings.overlap === "allow") told.start(tick, "CAUGHT_UP");
    else if (isAll || settings.overlap === "queue") wait(tick);
    else if (settings.overlap === "cancel-running") told.start(tick, "CAUGHT_UP");
    else told.add(tick, "SKIPPED", "OVERLAP", busyWith());
    state.busy = true;
  }
  const newest = onTime.at(-1);
  for (const tick of onTime) {
    const isFree = !state.busy || settings.overlap === "allow";
    if (settings.overlap === "cancel-running" ? tick === newest : isFree) told.start(tick, null);
    else if (settings.overlap === "queue") wait(tick);
    else told.add(tick, "SKIPPED", "OVERLAP", busyWith());
    state.busy = true;
  }

  const settledTo = due.at(-1) ?? row.settledTo;
  const position: SchedulePosition = {
    pausedAt: null,
    settledTo,
    ...nextAfter(settings, grid, settledTo),
    unknown: false,
    queued: state.queued,
  };
  const cancels =
    settings.overlap === "cancel-running" && told.starts.length > 0 ? active.map(({ runId }) => runId) : [];
  return {
    settlement: { name: row.name, version: row.version, position, ticks: told.rows(), ended },
    starts: told.starts,
    cancels,
  };

  function wait(tick: number): void {
    if (state.queued >= MOST_QUEUED && !isAll) {
      told.add(tick, "SKIPPED", "QUEUE_FULL", `${MOST_QUEUED} ticks wait already.`);
      return;
    }
    told.add(tick, "QUEUED", null, null);
    state.queued += 1;
  }
  function busyWith(): string {
    const [first] = active;
    return first ? `Run ${first.runId} was not over.` : "The tick before it had just begun.";
  }
}

/** Of ticks that have come, those that are due: with jitter the last may not be. */
function dueTicks(
  { name, jitter }: ScheduleSettings,
  ticks: readonly number[],
  now: number,
): readonly number[] {
  const first = ticks.findIndex((tick) => dueAt(name, tick, jitter) > now);
  return first < 0 ? ticks : ticks.slice(0, first);
}

/** Says of ticks whether they are on time, were missed and are caught up, or are passed over; the last are told. */
function sort(
  settings: ScheduleSettings,
  grid: TickGrid,
  due: readonly number[],
  now: number,
  told: Rows,
): { readonly onTime: readonly number[]; readonly caught: readonly number[] } {
  const { name, jitter, misfireGrace, catchUp } = settings;
  const onTime: number[] = [];
  const missed: number[] = [];
  for (const tick of due) {
    if (!grid.isOpen(tick)) told.add(tick, "SKIPPED", "CLOSED_DAY", `Not a day of "${settings.calendar}".`);
    else if (now - dueAt(name, tick, jitter) <= misfireGrace) onTime.push(tick);
    else missed.push(tick);
  }
  const pass = (ticks: readonly number[], reason: TickReason, detail: string) => {
    for (const tick of ticks) told.add(tick, "MISSED", reason, detail);
  };
  if (catchUp.policy === "none") {
    pass(missed, "NOT_CAUGHT_UP", "Nobody took it in time, and the schedule does not catch up.");
    return { onTime, caught: [] };
  }
  const fresh = missed.filter((tick) => now - tick <= catchUp.window);
  pass(
    missed.slice(0, missed.length - fresh.length),
    "TOO_OLD",
    "It was missed longer ago than is caught up.",
  );
  const most = catchUp.policy === "all" ? catchUp.max : onTime.length > 0 ? 0 : 1;
  const caught = most === 0 ? [] : fresh.slice(-most);
  const left = fresh.slice(0, fresh.length - caught.length);
  if (catchUp.policy === "all") pass(left, "TOO_MANY", `At most ${catchUp.max} ticks are caught up.`);
  else pass(left, "SUPERSEDED", "Nobody took it in time; a later tick stands for it.");
  return { onTime, caught };
}

/**
 * What somebody does who does not know the workflow of a schedule: once a tick is late, he records that it was missed. The schedule
 * is not settled by that, so that whoever knows the workflow can catch up.
 */
export function settleUnknown({ row }: DueSchedule, settings: ScheduleSettings, now: number): Decision {
  const grid = tickGrid(settings, row.anchor, null);
  const late = now - settings.misfireGrace - 1;
  const { ticks, more } = lastTicks(grid, (row.nextTick ?? now) - 1, late, MOST_ROWS);
  const due = dueTicks(settings, ticks, late);
  const told = new Rows();
  const detail = `No process took it within ${settings.misfireGrace} ms that knows the workflow "${row.workflow}"${row.calendar === null ? "" : ` and the calendar "${row.calendar}"`}.`;
  for (const tick of due) told.add(tick, "MISSED", "UNKNOWN_WORKFLOW", detail);
  if (more) told.fold(row.settledTo);
  const { pausedAt, settledTo, queued } = row;
  const next = nextAfter(settings, grid, due.at(-1) ?? (row.nextTick ?? now) - 1);
  const position = { pausedAt, settledTo, queued, ...next, unknown: true };
  return {
    settlement: { name: row.name, version: row.version, position, ticks: told.rows(), ended: [] },
    starts: [],
    cancels: [],
  };
}

/** Goes on after a pause. */
export function settleResumed(
  row: ScheduleRow,
  settings: ScheduleSettings,
  calendar: Calendar | null,
  now: number,
  missed: ScheduleSettings["pausedTicks"],
): Settlement {
  const grid = tickGrid(settings, row.anchor, calendar);
  const told = new Rows();
  let settledTo = row.settledTo;
  if (missed === "skip") {
    const { ticks, more } = settings.enabled
      ? lastTicks(grid, row.settledTo, now, MOST_ROWS)
      : { ticks: [], more: false };
    for (const tick of ticks) told.add(tick, "SKIPPED", "PAUSED", "The schedule was paused.");
    if (more) told.fold(row.settledTo);
    settledTo = now;
  }
  const { unknown, queued } = row;
  const position = { pausedAt: null, settledTo, unknown, queued, ...nextAfter(settings, grid, settledTo) };
  return { name: row.name, version: row.version, position, ticks: told.rows(), ended: [] };
}

/** The rows of one settlement. */
class Rows {
  readonly starts: number[] = [];
  readonly #rows: TickWrite[] = [];
  #since: number | null = null;

  start(scheduledAt: number, reason: TickReason | null): void {
    this.starts.push(scheduledAt);
    this.add(scheduledAt, "STARTED", reason, null);
  }

  add(
    scheduledAt: number,
    status: TickWrite["status"],
    reason: TickReason | null,
    detail: string | null,
  ): void {
    this.#rows.push({ scheduledAt, status, reason, detail, runId: null, since: null });
  }

  /** There are more, back to a time, that were not looked at. */
  fold(since: number): void {
    this.#since = since;
  }

  /** Oldest first: an outage of a year does not make as many rows as there were ticks. */
  rows(): readonly TickWrite[] {
    const rows = this.#rows.toSorted((a, b) => a.scheduledAt - b.scheduledAt);
    const passed = rows.filter(({ status }) => status === "MISSED" || status === "SKIPPED");
    const dropped = new Set(passed.slice(0, -MOST_ROWS));
    const first = passed[dropped.size];
    const since = this.#since ?? (dropped.size > 0 ? (passed[0]?.scheduledAt ?? 0) - 1 : null);
    if (first === undefined || since === null) return rows;
    return rows
      .filter((row) => !dropped.has(row))
      .map((row) =>
        row === first
          ? { ...row, since, detail: `${row.detail ?? ""} It stands for those before it as well.`.trim() }
          : row,
      );
  }
}
