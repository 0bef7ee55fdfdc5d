import type { Clock } from "../clock.ts";
import type { ErrorCode } from "../errors.ts";
import { schemaIssues } from "../schema-issues.ts";
import type { WorkflowData } from "../workflow/workflow.ts";
import { refusal } from "./check-schedule.ts";
import type { ScheduleSettings } from "./schedule.ts";
import { tickParams } from "./tick-params.ts";
import { planTick } from "./tick-runs.ts";

/**
 * What can be wrong beyond the schedule itself: its parameters, and what a start takes.
 *
 * @param tick one of its times, which its parameters may stand for.
 * @throws SpineError (VALIDATION_FAILED when `code` is left out) whose `detail.issues` names the field.
 */
export async function checkTickStart(
  workflow: WorkflowData,
  settings: ScheduleSettings,
  tick: number,
  clock: Clock,
  code?: ErrorCode,
): Promise<void> {
  const parsed = await workflow.params.safeParseAsync(tickParams(settings, tick));
  if (!parsed.success) {
    const [issue] = schemaIssues(parsed.error);
    const path = `params${issue?.path === "/" ? "" : (issue?.path ?? "")}`;
    throw refusal(settings.name, path, `is refused by "${workflow.name}": ${issue?.message}`, code);
  }
  await planTick(workflow, settings, tick, clock);
}
