import { refusal } from "./run-query.ts";

/** Which events of a run. */
export interface EventRange {
  /** The number of the last event that is known; from the first one on when left out. */
  readonly after?: number;
  /** At most this many; all when left out. */
  readonly limit?: number;
}

/**
 * Checks which events are asked for; for implementers of stores.
 *
 * @throws ValidationError whose message and `detail` name the field.
 */
export function checkEventRange({ after, limit }: EventRange): void {
  if (after !== undefined && !(Number.isInteger(after) && after >= 0)) {
    throw refusal("after", `is ${after}; it must be the number of an event, or 0`);
  }
  if (limit !== undefined && !(Number.isInteger(limit) && limit >= 1)) {
    throw refusal("limit", `is ${limit}; it must be a whole number from 1`);
  }
}
