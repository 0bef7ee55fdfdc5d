import type { Clock } from "../clock.ts";
import type { RunOptions } from "../runner/runner.ts";
import { type NewRunPlan, planRun } from "../runner/start-run.ts";
import type { WorkflowData } from "../workflow/workflow.ts";
import { scheduleTag } from "./check-schedule.ts";
import type { ScheduleSettings } from "./schedule.ts";
import { tickKey } from "./schedule-store.ts";
import { tickParams } from "./tick-params.ts";

/** Keys of ticks never meet keys of the host's. */
const SCOPE = "spine.schedules";

/** How the runs of a schedule are started, by its ticks and by hand. */
export function runOptionsOf({ name, tags, queue, priority }: ScheduleSettings): RunOptions {
  return {
    triggeredBy: "schedule",
    tags: [...tags, scheduleTag(name)],
    priority,
    ...(queue === null ? {} : { queue }),
  };
}

/**
 * The run of a tick: queued, and with a key of its own, so that there is one whatever happens.
 *
 * @throws SpineError where the workflow refuses the parameters.
 */
export async function planTick(
  workflow: WorkflowData,
  settings: ScheduleSettings,
  scheduledAt: number,
  clock: Clock,
): Promise<NewRunPlan> {
  const options = { ...runOptionsOf(settings), key: tickKey(settings.name, scheduledAt), scope: SCOPE };
  return await planRun(workflow, tickParams(settings, scheduledAt), options, null, clock);
}
