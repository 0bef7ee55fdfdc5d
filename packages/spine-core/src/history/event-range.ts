import { anything, checkOptions, type OptionKinds } from "../check-options.ts";
import { shown } from "../shown.ts";
import { refusal } from "./run-query.ts";

/** Which events of a run. */
export interface EventRange {
  /** The number of the last event that is known; from the first one on when left out. */
  readonly after?: number;
  /** At most this many; all when left out. */
  readonly limit?: number;
}

const RANGE: OptionKinds<EventRange> = { after: anything, limit: anything };

/**
 * Checks which events are asked for; for implementers of stores.
 *
 * @throws ValidationError whose message and `detail` name the field.
 */
export function checkEventRange(range: EventRange): void {
  checkOptions(range, RANGE, { of: "a query of events", called: "field", name: "range" });
  const { after, limit } = range;
  if (after !== undefined && !(Number.isSafeInteger(after) && after >= 0)) {
    throw refusal("after", `is ${shown(after)}; it must be the number of an event, or 0`);
  }
  if (limit !== undefined && !(Number.isSafeInteger(limit) && limit >= 1)) {
    throw refusal("limit", `is ${shown(limit)}; it must be a whole number from 1`);
  }
}
