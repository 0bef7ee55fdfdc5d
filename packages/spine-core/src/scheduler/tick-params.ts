import type { JsonValue } from "../json.ts";
import { mapLeaves } from "../map-leaves.ts";
import { dayOf, shiftDay } from "./next-ticks.ts";
import type { ScheduleSettings } from "./schedule.ts";

const DATE = /^\{scheduled_date(?: ?([+-]) ?(\d{1,4})d)?\}$/;

/** The parameters of a tick's run: texts that stand for its time are replaced. */
export function tickParams(
  { params, timezone }: Pick<ScheduleSettings, "params" | "timezone">,
  scheduledAt: number,
): JsonValue {
  return mapLeaves(params, (leaf) => {
    if (leaf === "{scheduled_at}") return new Date(scheduledAt).toISOString();
    const found = typeof leaf === "string" ? DATE.exec(leaf) : null;
    if (!found) return leaf;
    const days = Number(`${found[1] ?? ""}${found[2] ?? 0}`);
    return shiftDay(dayOf(scheduledAt, timezone), days);
  }) as JsonValue;
}
