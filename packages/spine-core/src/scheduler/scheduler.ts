import { AsyncLocalStorage } from "node:async_hooks";
import { SpineError, textOf } from "../errors.ts";
import type { Events } from "../events.ts";
import { isTerminal } from "../history/records.ts";
import type { Logger } from "../logger.ts";
import type { Control } from "../runner/runner.ts";
import { WorkLoop } from "../runner/work-loop.ts";
import type { Calendars } from "./calendars.ts";
import { calendarOf, settingsOf } from "./schedule-row.ts";
import type { DueSchedule } from "./schedule-store.ts";
import { settleSchedule, settleUnknown } from "./settle-schedule.ts";
import { type Planned, type Settling, settleTicks } from "./settle-ticks.ts";

export interface SchedulerOptions extends Settling {
  readonly calendars: Calendars;
  readonly events: Events;
  readonly logger: Logger;
  /** How often to look for work without a hint, as the store says. */
  readonly pollMs: () => number;
  readonly control: (runId: string, control: Control) => Promise<void>;
  /** Runs were stored that wait for somebody. */
  readonly queued: () => void;
}

/** Schedules that are settled by one transaction. */
const BATCH = 100;
/** How often to look whether a run is over that a tick waits for: its end here is told at once. */
const WAITING_MS = 1_000;
/** Where hints can be relied upon, schedules are looked at so much less often than runs: a hint that is lost all the same is found within the usual grace. */
const SELDOM = 4;
/** How soon to look again at schedules that another process is settling. */
const HELD_MS = 25;

/**
 * Starts the runs of schedules when they are due. Any number of processes do so at once, without a leader: each decides the same by the
 * same row, and the first to write is the one who did. It sleeps until the next tick is due by the database's clock.
 */
export class Scheduler {
  /** Ticks are settled in this context, not in that of whoever wakes it: he may be in a transaction. */
  readonly #outside = AsyncLocalStorage.snapshot();
  readonly #options: SchedulerOptions;
  readonly #loop: WorkLoop;
  #waiting = false;
  #forget = () => {};

  constructor(options: SchedulerOptions) {
    this.#options = options;
    const { clock, logger, pollMs } = options;
    this.#loop = new WorkLoop({
      take: () => this.#outside(() => this.#take()),
      pollMs: () => (pollMs() > WAITING_MS ? pollMs() * SELDOM : WAITING_MS),
      clock,
      logger,
    });
  }

  start(): void {
    this.#forget();
    this.#forget = this.#options.events.on("run.changed", ({ status }) => {
      if (this.#waiting && isTerminal(status)) this.wake();
    });
    this.#loop.start();
  }

  /** Resolves when what is being settled is. */
  async stop(): Promise<void> {
    this.#forget();
    await this.#loop.stop();
  }

  /** Looks soon: schedules have changed. */
  wake(): void {
    this.#loop.wake();
  }

  async #take(): Promise<{ readonly more: boolean; readonly nextAt: number | null }> {
    const { stores, workflows, calendars, clock } = this.#options;
    const request = { workflows: workflows.names(), calendars: [...calendars.keys()], limit: BATCH };
    const began = clock.now();
    const { now, due, nextAt, waiting } = await stores.schedules.look(request);
    this.#waiting = waiting;
    const { planned, cancels } = this.#decide(due, now);
    // Before a tick is taken: whoever dies in between leaves it to others, who find nothing that runs.
    for (const runId of cancels) await this.#cancel(runId);
    const settled = planned.length > 0 ? await this.#settle(planned) : 0;
    const times = [
      nextAt,
      waiting ? now + WAITING_MS : null,
      planned.length > settled ? now + HELD_MS : null,
    ];
    const next = Math.min(...times.filter((time) => time !== null));
    // The clocks of processes differ: how long it is until then is said by the database's alone.
    return { more: settled > 0, nextAt: Number.isFinite(next) ? began + (next - now) : null };
  }

  /** What becomes of schedules that are due. One that cannot be read is left to others, and keeps no other from its turn. */
  #decide(
    due: readonly DueSchedule[],
    now: number,
  ): { planned: readonly Planned[]; cancels: readonly string[] } {
    const planned: Planned[] = [];
    const cancelled: string[] = [];
    for (const each of due) {
      try {
        const settings = settingsOf(each.row);
        const { settlement, starts, cancels } = each.known
          ? settleSchedule(each, settings, calendarOf(settings, this.#options.calendars), now)
          : settleUnknown(each, settings, now);
        planned.push({ settings, settlement, starts });
        cancelled.push(...cancels);
      } catch (error) {
        const message = `Schedule "${each.row.name}" cannot be read by this process; its ticks are left to others.`;
        this.#options.logger.warn(message, { error: textOf(error) });
      }
    }
    return { planned, cancels: cancelled };
  }

  /** How many schedules were settled: others are in somebody's hands. */
  async #settle(planned: readonly Planned[]): Promise<number> {
    const { events, logger, queued } = this.#options;
    const { schedules, started } = await settleTicks(this.#options, planned);
    for (const { settlement } of planned) {
      if (!schedules.has(settlement.name)) continue;
      for (const { scheduledAt, status, reason, detail } of settlement.ticks) {
        if (status !== "MISSED") continue;
        const at = new Date(scheduledAt).toISOString();
        logger.warn(`A tick of schedule "${settlement.name}" was missed.`, {
          scheduledAt: at,
          reason,
          detail,
        });
      }
    }
    for (const { runId, workflow } of started)
      events.emit("run.changed", { runId, workflow, status: "PENDING", error: null });
    if (started.length > 0) queued();
    return schedules.size;
  }

  async #cancel(runId: string): Promise<void> {
    try {
      await this.#options.control(runId, "cancel");
    } catch (error) {
      // It is over by now, or gone.
      if (SpineError.is(error) && ["RUN_CONFLICT", "RUN_NOT_FOUND"].includes(error.code)) return;
      this.#options.logger.warn("A run was not cancelled for the next tick of its schedule.", {
        runId,
        error: textOf(error),
      });
    }
  }
}
