import { aText, checkArgument } from "../check-options.ts";
import { SpineError } from "../errors.ts";
import { AN_INSTANT, toInstant } from "../instant.ts";
import type { Calendar } from "../partitions/period.ts";
import type { Registry } from "../registry.ts";
import { shown } from "../shown.ts";
import type { WorkflowData } from "../workflow/workflow.ts";
import type { Calendars } from "./calendars.ts";
import { refusal } from "./check-schedule.ts";
import { unknownWorkflow } from "./declared-schedules.ts";
import type { ScheduleSettings } from "./schedule.ts";
import { calendarOf } from "./schedule-row.ts";
import type { ScheduleRow, ScheduleStore } from "./schedule-store.ts";

/** The schedule of a name. @throws SpineError SCHEDULE_NOT_FOUND */
export async function findSchedule(store: Pick<ScheduleStore, "list">, name: string): Promise<ScheduleRow> {
  checkArgument("name", name, aText, { of: "a schedule" });
  const [row] = await store.list([name]);
  if (row) return row;
  throw new SpineError(
    "SCHEDULE_NOT_FOUND",
    `There is no schedule "${name.slice(0, 100)}". \`spine.schedules.list()\` has those there are.`,
  );
}

/** The workflow of a schedule. @throws SpineError UNKNOWN_WORKFLOW */
export function findWorkflow(
  workflows: Registry<WorkflowData>,
  { name, workflow }: Pick<ScheduleSettings, "name" | "workflow">,
): WorkflowData {
  if (workflows.has(workflow)) return workflows.get(workflow);
  throw refusal(name, "workflow", unknownWorkflow(workflow), "UNKNOWN_WORKFLOW");
}

/** The calendar of a schedule; null for none. @throws SpineError for one that this process does not know. */
export function knownCalendar(settings: ScheduleSettings, calendars: Calendars): Calendar | null {
  const { name, calendar } = settings;
  if (calendar !== null && !calendars.has(calendar))
    throw refusal(
      name,
      "calendar",
      `is "${calendar}", which this process does not know. Add it to createSpine({ calendars })`,
    );
  return calendarOf(settings, calendars);
}

/** A time that was given, in ms since the epoch. @throws SpineError that names the field. */
export function instantOf(field: string, given: unknown): number {
  const at = toInstant(given);
  if (at !== null) return at;
  throw refusal(null, field, `is ${AN_INSTANT}; ${shown(given)} was given`);
}
