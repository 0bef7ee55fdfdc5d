import { anything, checkOptions, type OptionKinds, required } from "../check-options.ts";
import { shown } from "../shown.ts";
import { refusal } from "./run-query.ts";

/** Which runs of a workflow that have come. */
export interface ArrivalRange {
  /**
   * `place` of an earlier answer. Without it, the runs that have not ended, the newest of them, and the place behind all that there are.
   */
  readonly after?: string;
  /** At most this many. */
  readonly limit: number;
}

/** Runs in the order in which they came. */
export interface Arrivals {
  readonly runIds: readonly string[];
  /** Behind the last of them, and behind runs of others where there are no more. No run can be known from it. */
  readonly place: string;
}

const RANGE: OptionKinds<ArrivalRange> = { after: anything, limit: required(anything) };
const MOST = 1_000;
const PLACE = /^(\d{1,20})\.([0-9a-f]{32}|)$/;

/**
 * Checks which arrivals are asked for; for implementers of stores, whose places are a number and 32 hexadecimal digits, or none of them
 * (`12.`): what tells runs with one number apart, but not their ids, which are nothing for whoever may not see them.
 *
 * @throws ValidationError whose message and `detail` name the field.
 */
export function checkArrivalRange(range: ArrivalRange): {
  readonly after: { readonly number: string; readonly digits: string } | null;
  readonly limit: number;
} {
  checkOptions(range, RANGE, { of: "a query of arrivals", called: "field", name: "range" });
  const { after, limit } = range;
  if (!(Number.isInteger(limit) && limit >= 1 && limit <= MOST))
    throw refusal("limit", `is ${shown(limit)}; it must be a whole number from 1 to ${MOST}`);
  if (after === undefined) return { after: null, limit };
  const [, number, digits] = (typeof after === "string" ? PLACE.exec(after) : null) ?? [];
  if (number === undefined || digits === undefined)
    throw refusal("after", "is not a place that was returned. Start again without it");
  return { after: { number, digits }, limit };
}
