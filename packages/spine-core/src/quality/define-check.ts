import { SpineError } from "../errors.ts";
import type { QualityCategory, QualityCheck, QualityFinding } from "./quality-check.ts";

/** The examples that a check keeps of what failed. */
export const MAX_SAMPLES = 20;

/** What every check may be told. */
export interface CheckOptions {
  /** The check's name in reports; by default what it is and its columns, e.g. `unique(symbol, mpid)`. */
  readonly name?: string;
  readonly category?: QualityCategory;
  /** Whether a FAIL stops the run; true when left out. */
  readonly blocking?: boolean;
}

/** What a check that judges row by row may be told. */
export interface RowCheckOptions extends CheckOptions {
  /**
   * How many rows may fail: more than `warn` is a WARN, more than `fail` a FAIL; both are 0 when left out, so
   * that one bad row is a FAIL. `{ fail: Number.POSITIVE_INFINITY }` makes a check that only ever warns.
   */
  readonly maxFailures?: { readonly warn?: number; readonly fail?: number };
}

/** Says why a row fails, or null when it passes. */
export type Judge<R> = (row: R) => string | null;

/** A check that judges row by row; `start` gives the judge of one run, so that it may keep what it has seen. */
export function rowCheck<R extends object>(
  name: string,
  category: QualityCategory,
  options: RowCheckOptions,
  expected: string,
  start: () => Judge<R>,
  memory: QualityCheck["memory"] = "constant",
): QualityCheck<R> {
  const { warn = 0, fail = 0 } = options.maxFailures ?? {};
  if (!(warn >= 0 && fail >= 0)) refuse(`maxFailures of ${name} must be numbers from 0.`);
  return defineCheck<R>(name, category, options, memory, () => {
    const judge = start();
    const bad = failures();
    return {
      add(row) {
        const why = judge(row);
        if (why !== null) bad.add(why);
      },
      finish: (): QualityFinding => ({
        status: bad.count > fail ? "FAIL" : bad.count > warn ? "WARN" : "PASS",
        message:
          bad.count === 0
            ? "all rows pass"
            : `${bad.count} ${bad.count === 1 ? "row fails" : "rows fail"}, expected ${expected}`,
        actual: bad.count,
        expected,
        rowsFailed: bad.count,
        samples: bad.samples,
      }),
    };
  });
}

/** A frozen check with its defaults. */
export function defineCheck<R extends object>(
  name: string,
  category: QualityCategory,
  options: CheckOptions,
  memory: QualityCheck["memory"],
  start: QualityCheck<R>["start"],
): QualityCheck<R> {
  return Object.freeze({
    name: options.name ?? name,
    category: options.category ?? category,
    blocking: options.blocking ?? true,
    memory,
    start,
  });
}

/** Counts what failed and keeps the first examples. */
export function failures() {
  const samples: string[] = [];
  return {
    count: 0,
    samples,
    add(why: string) {
      this.count += 1;
      if (samples.length < MAX_SAMPLES) samples.push(why);
    },
  };
}

/** For options that make no sense: CONFIG_INVALID. */
export function refuse(message: string): never {
  throw new SpineError("CONFIG_INVALID", message);
}
