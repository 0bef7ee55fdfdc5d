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
  /** Behind the last of them, and behind runs of others where there are no more. */
  readonly place: string;
}

const RANGE: OptionKinds<ArrivalRange> = { after: anything, limit: required(anything) };
const MOST = 1_000;
const RUN_ID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}";
const PLACE = new RegExp(`^(\\d{1,20})\\.(${RUN_ID}|)$`);

/**
 * Checks which arrivals are asked for; for implementers of stores, whose places are a number and a run's id (`12.<id>`).
 *
 * @throws ValidationError whose message and `detail` name the field.
 */
export function checkArrivalRange(range: ArrivalRange): {
  readonly after: { readonly number: string; readonly runId: string } | null;
  readonly limit: number;
} {
  checkOptions(range, RANGE, { of: "a query of arrivals", called: "field", name: "range" });
  const { after, limit } = range;
  if (!(Number.isInteger(limit) && limit >= 1 && limit <= MOST))
    throw refusal("limit", `is ${shown(limit)}; it must be a whole number from 1 to ${MOST}`);
  if (after === undefined) return { after: null, limit };
  const [, number, runId] = (typeof after === "string" ? PLACE.exec(after) : null) ?? [];
  if (number === undefined || runId === undefined)
    throw refusal("after", "is not a place that was returned. Start again without it");
  return { after: { number, runId }, limit };
}
