import { anything, checkOptions, type OptionKinds } from "../check-options.ts";
import { type Partition, partitionKey } from "../context.ts";
import { SpineError } from "../errors.ts";
import type { PartitionSet } from "./define-partitions.ts";
import { DAY_MS, toDate, toDay } from "./period.ts";

/** A partition that a table is to have. */
export interface ExpectedPartition {
  readonly partition: Partition;
  /** Its text, as tables and lists of runs have it. */
  readonly key: string;
  /** The first day of its period. */
  readonly start: string;
  /** The last one. */
  readonly end: string;
  /** When it can be had: the end of its period and the delay behind it, on a day of business. ISO time in UTC. */
  readonly dueAt: string;
}

/** Periods that begin on these days, both included. */
export interface DateRange {
  readonly from?: string;
  readonly to?: string;
}

const RANGE: OptionKinds<DateRange> = { from: anything, to: anything };

/** @throws ValidationError that names what there is not: a bound that is misspelt would be none. */
export function checkRange(range: unknown): asserts range is DateRange {
  checkOptions(range, RANGE, { of: "a range of partitions", name: "range" });
}

/** Days that are looked through for one of business. */
const MOST_CLOSED = 400;

/**
 * The partitions of a range, by time and then in the order of the lists, one by one as they are asked for.
 *
 * @param now without a `to`, periods that have begun by then (ms since the epoch).
 */
export function expectedPartitions(
  set: PartitionSet,
  { from, to }: DateRange,
  now: number,
): Generator<ExpectedPartition, void, undefined> {
  const first = from === undefined ? Number.NEGATIVE_INFINITY : toDay(from, "The `from` of a range");
  const last = to === undefined ? Math.floor(now / DAY_MS) : toDay(to, "The `to` of a range");
  return between(set, first, last);
}

function* between(
  set: PartitionSet,
  first: number,
  last: number,
): Generator<ExpectedPartition, void, undefined> {
  const { periods } = set;
  for (let start = periods.next(first); start !== null && start <= last; ) {
    const end = periods.end(start);
    if (isExpected(set, start, end)) yield* ofPeriod(set, start, end);
    start = periods.next(end);
  }
}

/** True for a partition of the grid, whenever it is due. */
export function isOfGrid(set: PartitionSet, partition: Partition): boolean {
  const { time, periods, lists } = set;
  if (!lists.every(([name, values]) => values.includes(partition[name] ?? ""))) return false;
  const text = partition[time];
  let day: number;
  try {
    day = toDay(text, time);
  } catch {
    return false;
  }
  const start = periods.named === "start" ? periods.next(day) : startOf(set, day + 1);
  if (start === null) return false;
  const end = periods.end(start);
  return toDate(periods.named === "start" ? start : end - 1) === text && isExpected(set, start, end);
}

/** No period is longer than a month. */
const LONGEST_PERIOD = 31;

/** The first day of the period that ends before a day; null where none does. */
function startOf({ periods }: PartitionSet, end: number): number | null {
  let start = periods.next(end - LONGEST_PERIOD);
  while (start !== null && periods.end(start) < end) start = periods.next(periods.end(start));
  return start;
}

function isExpected({ periods: { calendar } }: PartitionSet, start: number, end: number): boolean {
  if (!calendar) return true;
  for (let day = start; day < end; day += 1) if (calendar(toDate(day))) return true;
  return false;
}

function* ofPeriod(
  set: PartitionSet,
  start: number,
  end: number,
): Generator<ExpectedPartition, void, undefined> {
  const { names, time, periods } = set;
  const dates = { start: toDate(start), end: toDate(end - 1) };
  for (const values of combinations(set.lists)) {
    const all = { ...values, [time]: dates[periods.named] };
    const partition = Object.freeze(Object.fromEntries(names.map((name) => [name, all[name] ?? ""])));
    const dueAt = new Date(dueOf(set, partition, end * DAY_MS)).toISOString();
    yield Object.freeze({ partition, key: partitionKey(partition), ...dates, dueAt });
  }
}

/** On a day without business nothing is published: the next one that has some it is, at the same time. */
function dueOf({ periods: { calendar }, delayMs }: PartitionSet, partition: Partition, end: number): number {
  const due = end + delayMs(partition);
  if (!calendar) return due;
  for (let days = 0; days < MOST_CLOSED; days += 1) {
    const moved = due + days * DAY_MS;
    if (calendar(toDate(Math.floor(moved / DAY_MS)))) return moved;
  }
  throw new SpineError(
    "CONFIG_INVALID",
    `The calendar has no day of business within ${MOST_CLOSED} days of ${toDate(Math.floor(due / DAY_MS))}. It returns true for those on which there is some.`,
  );
}

function* combinations(
  lists: PartitionSet["lists"],
): Generator<Readonly<Record<string, string>>, void, undefined> {
  const [first, ...others] = lists;
  if (!first) {
    yield {};
    return;
  }
  const [name, values] = first;
  for (const value of values) for (const rest of combinations(others)) yield { [name]: value, ...rest };
}
