import {
  aBoolean,
  aFunction,
  anObject,
  aText,
  checkArgument,
  checkOptions,
  type OptionKind,
  oneOf,
} from "../check-options.ts";
import { columnOf, rowAt } from "../data/column-block.ts";
import { SpineError } from "../errors.ts";
import type { JsonValue } from "../json.ts";
import { shown } from "../shown.ts";
import {
  QUALITY_CATEGORIES,
  type QualityAccumulator,
  type QualityCategory,
  type QualityCheck,
  type QualityFinding,
  type QualityInput,
} from "./quality-check.ts";

/** The examples that a check keeps of what failed. */
export const MAX_SAMPLES = 20;

/** What every check may be told. */
export interface CheckOptions {
  /** The check's name in reports; by default what it is and its columns, e.g. `unique(symbol, mpid)`. */
  readonly name?: string;
  readonly category?: QualityCategory;
  /** Whether a FAIL stops the run; true when left out. */
  readonly blocking?: boolean;
  /** Says no where the check means nothing: it is SKIPPED then, and sees no row. */
  readonly when?: (input: QualityInput) => boolean;
}

/** What a check that judges row by row may be told. */
export interface RowCheckOptions extends CheckOptions {
  /**
   * How many rows may fail: more than `warn` is a WARN, more than `fail` a FAIL; both are 0 when left out, so
   * that one bad row is a FAIL. `{ fail: Number.POSITIVE_INFINITY }` makes a check that only ever warns.
   */
  readonly maxFailures?: { readonly warn?: number; readonly fail?: number };
}

const CHECK: Readonly<Record<string, OptionKind>> = {
  name: aText,
  category: oneOf(QUALITY_CATEGORIES),
  blocking: aBoolean,
  when: aFunction,
};
const aNumber: OptionKind = {
  is: "a number from 0",
  fits: (value) => typeof value === "number" && value >= 0,
};
const FAILURES: Readonly<Record<string, OptionKind>> = { warn: aNumber, fail: aNumber };
/** The options of a check whose rows fail one by one. */
export const ROW_CHECK: Readonly<Record<string, OptionKind>> = { ...CHECK, maxFailures: anObject };

/** Says why a row fails, or null when it passes. */
export type Judge<R> = (row: R) => string | null;

/** Judges one cell: whether it passes, which is asked often, and why it does not. */
export interface CellJudge {
  readonly column: string;
  readonly passes: (value: unknown) => boolean;
  readonly why: (value: unknown, row: object) => string;
}

/** A check that judges row by row, by whatever is in them. */
export function rowCheck<R extends object>(
  name: string,
  category: QualityCategory,
  options: RowCheckOptions,
  expected: string,
  judge: Judge<R>,
): QualityCheck<R> {
  return countingCheck<R>(name, category, options, expected, (bad) => ({
    add(row) {
      const why = judge(row);
      if (why !== null) bad.add(why);
    },
  }));
}

/** A check that judges the cells of one column. */
export function cellCheck<R extends object>(
  name: string,
  category: QualityCategory,
  options: RowCheckOptions,
  expected: string,
  { column, passes, why }: CellJudge,
): QualityCheck<R> {
  return countingCheck<R>(name, category, options, expected, (bad) => ({
    add(row) {
      const value = (row as Readonly<Record<string, unknown>>)[column];
      if (!passes(value)) bad.add(why(value, row));
    },
    addColumns(block) {
      const values = columnOf(block, column);
      for (let index = 0; index < block.rows; index++) {
        const value = values?.[index];
        if (passes(value)) continue;
        if (bad.samples.length < MAX_SAMPLES) bad.add(why(value, rowAt(block, index)));
        else bad.count += 1;
      }
    },
  }));
}

/** A check whose verdict is how many rows failed. */
function countingCheck<R extends object>(
  name: string,
  category: QualityCategory,
  options: RowCheckOptions,
  expected: string,
  start: (bad: Failures) => Pick<QualityAccumulator<R>, "add" | "addColumns">,
): QualityCheck<R> {
  const verdict = verdictOn(name, options, expected);
  const begin = () => {
    const bad = failures();
    return {
      ...start(bad),
      finish: () => verdict(bad),
      save: () => bad.save(),
      restore: (state: JsonValue) => bad.restore(state),
    };
  };
  return defineCheck<R>(name, category, options, "constant", begin, ROW_CHECK);
}

/** What follows from how many rows failed. */
export function verdictOn(
  name: string,
  options: RowCheckOptions,
  expected: string,
): (bad: Pick<Failures, "count" | "samples">) => QualityFinding {
  const { maxFailures = {} } = givenOptions(name, options);
  checkOptions(maxFailures, FAILURES, { of: `maxFailures of ${name}`, code: "CONFIG_INVALID" });
  const { warn = 0, fail = 0 } = maxFailures;
  if (warn > fail)
    refuse(`${name}: \`maxFailures.warn\` (${warn}) is not above \`maxFailures.fail\` (${fail}).`);
  return ({ count, samples }) => ({
    status: count > fail ? "FAIL" : count > warn ? "WARN" : "PASS",
    message:
      count === 0
        ? "all rows pass"
        : `${count} ${count === 1 ? "row fails" : "rows fail"}, expected ${expected}`,
    actual: count,
    expected,
    rowsFailed: count,
    samples,
  });
}

/** Options before anything is taken out of them: what they hold is looked at by `defineCheck`. @throws SpineError CONFIG_INVALID */
export function givenOptions<O extends object>(name: string, options: O): O {
  checkArgument("options", options, anObject, { of: name, code: "CONFIG_INVALID" });
  return options;
}

/** A frozen check with its defaults. */
export function defineCheck<R extends object>(
  name: string,
  category: QualityCategory,
  options: CheckOptions,
  memory: QualityCheck["memory"],
  start: QualityCheck<R>["start"],
  kinds: Readonly<Record<string, OptionKind>> = CHECK,
): QualityCheck<R> {
  checkOptions(options, kinds, { of: name, code: "CONFIG_INVALID" });
  return Object.freeze({
    name: options.name ?? name,
    category: options.category ?? category,
    blocking: options.blocking ?? true,
    memory,
    ...(options.when ? { when: options.when } : {}),
    start,
  });
}

/** What failed: how much, and the first examples. */
export interface Failures {
  count: number;
  readonly samples: string[];
  add(why: string): void;
  save(): JsonValue;
  restore(state: JsonValue): void;
}

/** Counts what failed and keeps the first examples. */
export function failures(): Failures {
  const samples: string[] = [];
  return {
    count: 0,
    samples,
    add(why) {
      this.count += 1;
      if (samples.length < MAX_SAMPLES) samples.push(why);
    },
    save() {
      return { count: this.count, samples: [...samples] };
    },
    restore(state) {
      const saved = state as { readonly count: number; readonly samples: readonly string[] };
      this.count = saved.count;
      samples.splice(0, samples.length, ...saved.samples);
    },
  };
}

/** A check by the columns that it is about: `unique(symbol, mpid)`. @throws SpineError CONFIG_INVALID for what names no columns. */
export function onColumns(check: string, columns: readonly string[]): string {
  if (!(Array.isArray(columns) && columns.length > 0 && columns.every(isColumn)))
    refuse(`${check} is about a list of columns, e.g. ${check}(["symbol"]); ${shown(columns)} was given.`);
  return `${check}(${columns.join(", ")})`;
}

/** The same of one column. @throws SpineError CONFIG_INVALID */
export function onColumn(check: string, column: string): string {
  if (!isColumn(column)) refuse(`${check} is about a column, by its name; ${shown(column)} was given.`);
  return `${check}(${column})`;
}

function isColumn(given: unknown): boolean {
  return typeof given === "string" && given !== "";
}

/** For options that make no sense: CONFIG_INVALID. */
export function refuse(message: string): never {
  throw new SpineError("CONFIG_INVALID", message);
}
