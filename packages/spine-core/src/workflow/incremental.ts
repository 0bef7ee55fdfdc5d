import { anything, checkOptions, type OptionKinds } from "../check-options.ts";
import type { Lag, MarkValue } from "../data/mark.ts";
import { SpineError } from "../errors.ts";
import type { StepContext } from "./step-context.ts";

/** Where a fetch begins or ends: a value, or a function of the run that says it. */
export type Bound<V, C> = V | ((context: C) => V | null | undefined);

/**
 * Lets a fetch deliver only what is new: rows whose field is not smaller than the greatest value that earlier runs have
 * delivered. How values compare is described at `MarkKind`.
 *
 * A source that delivers more than it was asked for does no harm: what lies outside is left out, and counted. Rows without a
 * value that compares are rejects, CURSOR_FIELD_INVALID.
 */
export interface IncrementalOptions<F extends string, V, C> {
  /** The field that grows: a time of change, a number that counts up. */
  readonly field: F;
  /** Where the first run begins; from the source's own beginning when left out. */
  readonly start?: Bound<V, C>;
  /**
   * For backfills: values before this one, and not it. Such a run begins at `start`, and neither looks at the mark nor moves it.
   * A function that returns null makes it an ordinary run.
   */
  readonly end?: Bound<V, C>;
  /** How far before the mark runs begin, for rows that come late: a number for numbers, a duration for dates and times. */
  readonly lag?: Lag;
  /** The columns by which a row is recognised as delivered, beside the field; the whole row when left out. */
  readonly key?: readonly string[];
  /** What becomes of rows that the run before has delivered: left out and counted (`drop`, the default), or delivered again. */
  readonly duplicates?: "drop" | "deliver";
  /** `text`: values compare by code points, whatever they are. */
  readonly order?: "text";
}

/** What the request of a fetch sees besides: from where on, and up to where. Both null unless it is `incremental`. */
export interface Since<V> {
  /** Ask for values from here on, itself included; null: from the beginning. */
  readonly since: V | null;
  /** Ask for values before this one; null: to the end. */
  readonly until: V | null;
}

/** The values that a field of rows can be followed by. */
export type MarkOf<R, F> = [F] extends [never]
  ? never
  : F extends keyof R
    ? [Extract<R[F], MarkValue>] extends [never]
      ? MarkValue
      : Extract<R[F], MarkValue>
    : MarkValue;

/** The same as data of a step. */
export type Incremental = IncrementalOptions<string, MarkValue, StepContext>;

/** Each is checked by itself. */
const OPTIONS: OptionKinds<Incremental> = {
  field: anything,
  start: anything,
  end: anything,
  lag: anything,
  key: anything,
  duplicates: anything,
  order: anything,
};

/** @throws SpineError WORKFLOW_INVALID for what is no such option. @internal */
export function checkIncremental(step: string, given: unknown): Incremental | null {
  if (given === undefined || given === null) return null;
  const refuse = (why: string): never => {
    throw new SpineError("WORKFLOW_INVALID", `Step "${step}": its \`incremental\` ${why}`);
  };
  const of = `the \`incremental\` of step "${step}"`;
  checkOptions(given, OPTIONS, { of, name: "incremental", code: "WORKFLOW_INVALID" });
  const { field, key, duplicates = "drop", order } = given as Partial<Incremental>;
  if (typeof field !== "string" || field === "") refuse("names no `field`: the column whose values grow.");
  if (
    key !== undefined &&
    !(Array.isArray(key) && key.length > 0 && key.every((each) => typeof each === "string"))
  )
    refuse("has a `key` that is no list of columns.");
  if (duplicates !== "drop" && duplicates !== "deliver")
    refuse('has `duplicates` other than "drop" and "deliver".');
  if (order !== undefined && order !== "text") refuse('has an `order` other than "text".');
  return Object.freeze({ ...given }) as Incremental;
}
