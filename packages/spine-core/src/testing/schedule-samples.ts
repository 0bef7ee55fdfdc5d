import type { DatabaseTransaction } from "../database/database-transaction.ts";
import { newId } from "../ids.ts";
import { calendarsOf } from "../scheduler/calendars.ts";
import { checkSchedule } from "../scheduler/check-schedule.ts";
import type { Schedule } from "../scheduler/schedule.ts";
import { type NewScheduleRow, newRow } from "../scheduler/schedule-row.ts";
import type { ScheduleRow, Settlement, TickWrite } from "../scheduler/schedule-store.ts";
import { createCommit } from "./history-samples.ts";
import type { TestContext } from "./suite.ts";

/** A schedule that begins at the clock's time; each minute when nothing else is said. */
export function scheduleRow(now: number, given: Partial<Schedule> = {}): NewScheduleRow {
  const schedule = {
    name: "s",
    workflow: "demo",
    ...((given.cron ?? given.at) ? {} : { every: "1m" as const }),
    ...given,
  };
  return newRow(checkSchedule(schedule), calendarsOf([]), now, null);
}

export function tickWrite(scheduledAt: number, given: Partial<TickWrite> = {}): TickWrite {
  return { scheduledAt, status: "MISSED", reason: null, detail: null, runId: null, since: null, ...given };
}

/** Moves a schedule on by its ticks. */
export function settlementOf(
  row: ScheduleRow,
  ticks: readonly TickWrite[],
  given: Partial<Settlement> = {},
): Settlement {
  const settledTo = ticks.at(-1)?.scheduledAt ?? row.settledTo;
  return {
    name: row.name,
    version: row.version,
    position: { ...row, settledTo },
    ticks,
    ended: [],
    ...given,
  };
}

/** Settles in a transaction of its own. */
export async function settle(
  { database, stores }: Pick<TestContext, "database" | "stores">,
  settlements: readonly Settlement[],
  before: (transaction: DatabaseTransaction) => Promise<void> = async () => {},
) {
  return await database.transaction(async (transaction) => {
    await before(transaction);
    return await stores.schedules.settle(transaction, settlements);
  });
}

/** A run that is queued. */
export async function storedRun({ stores }: Pick<TestContext, "stores">): Promise<string> {
  const runId = newId();
  await stores.history.commit([createCommit({ runId, worker: null })]);
  return runId;
}
