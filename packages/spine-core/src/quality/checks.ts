import { fromUnits } from "../data/decimal.ts";
import type { Row } from "../sources/source.ts";
import {
  type CheckOptions,
  defineCheck,
  failures,
  MAX_SAMPLES,
  type RowCheckOptions,
  refuse,
  rowCheck,
} from "./define-check.ts";
import { addExact, compareExact, type ExactNumber, exactNumber } from "./exact-number.ts";
import type { QualityCheck, QualityFinding } from "./quality-check.ts";

export type { CheckOptions, RowCheckOptions } from "./define-check.ts";

/** Rows that have these columns, whatever is in them. */
type RowWith<K extends string, V = unknown> = Readonly<Record<K, V>>;
/** A quantity: a number, or a decimal as text. */
type Quantity = number | string | null | undefined;

/**
 * The number of rows is at least `min` and at most `max`; a bound that is left out does not count.
 *
 * @example recordCount({ min: 1 })
 */
export function recordCount(
  bounds: { readonly min?: number; readonly max?: number },
  options: CheckOptions = {},
): QualityCheck<object> {
  const { min = 0, max = Number.POSITIVE_INFINITY } = bounds;
  if (!(min <= max)) refuse(`recordCount({ min: ${min}, max: ${max} }) can never pass.`);
  const expected = rangeText(bounds.min, bounds.max);
  return defineCheck("recordCount", "COMPLETENESS", options, "constant", () => {
    let rows = 0;
    return {
      add: () => {
        rows += 1;
      },
      finish: () => ({
        status: rows >= min && rows <= max ? "PASS" : "FAIL",
        message: `${rowsText(rows)}, expected ${expected}`,
        actual: rows,
        expected,
      }),
    };
  });
}

/**
 * Of all rows that came in, the share that was refused on the way is small: above `warn` it is a WARN, above `fail`
 * a FAIL. Both are shares from 0 to 1; `warn` is 0 when left out. It is what stands between a load that replaces
 * and an input of which next to nothing could be used.
 *
 * @example rejectShare({ warn: 0.01, fail: 0.1 })
 */
export function rejectShare(
  limits: { readonly warn?: number; readonly fail: number },
  options: CheckOptions = {},
): QualityCheck<object> {
  const { warn = 0, fail } = limits;
  if (!(0 <= warn && warn <= fail && fail <= 1)) {
    refuse(
      `rejectShare({ warn: ${warn}, fail: ${fail} }): give shares from 0 to 1, \`warn\` not above \`fail\`.`,
    );
  }
  return defineCheck("rejectShare", "COMPLETENESS", options, "constant", ({ rows, rejected }) => ({
    add: () => {},
    finish: () => {
      const all = rows + rejected;
      // In whole rows, as a limit is meant: 0.1 of 30 rows are 3, though 0.1 × 30 is a little more in floats.
      const most = (share: number) => Math.floor(share * all + 1e-9);
      const status = rejected > most(fail) ? "FAIL" : rejected > most(warn) ? "WARN" : "PASS";
      const share = all === 0 ? 0 : rejected / all;
      const limit = status === "FAIL" ? fail : warn;
      const expected = `at most ${percent(limit)}`;
      return {
        status,
        message: `${rejected} of ${rowsText(all)} refused (${percent(share)}), expected ${expected}`,
        actual: share,
        expected,
        rowsFailed: rejected,
      };
    },
  }));
}

/** The columns hold something in every row: not null and not missing. An empty text counts as something. */
export function notNull<const K extends string>(
  columns: readonly K[],
  options: RowCheckOptions = {},
): QualityCheck<RowWith<K>> {
  return rowCheck<RowWith<K>>(
    `notNull(${columns.join(", ")})`,
    "COMPLETENESS",
    options,
    "no null",
    () => (row) => {
      const missing = columns.filter((column) => row[column] === null || row[column] === undefined);
      return missing.length === 0 ? null : `${missing.join(", ")} missing in ${rowText(row)}`;
    },
  );
}

/**
 * No two rows agree in all of these columns. A null equals a null here, although a unique index may let both
 * in. Texts are compared as they are: `BCPC` and `BCpC` are two. Keeps every key in memory.
 */
export function unique<const K extends string>(
  columns: readonly K[],
  options: RowCheckOptions = {},
): QualityCheck<RowWith<K>> {
  const name = `unique(${columns.join(", ")})`;
  const start = () => {
    const seen = new Set<string>();
    return (row: RowWith<K>) => {
      const key = JSON.stringify(columns.map((column) => row[column] ?? null));
      if (seen.has(key)) return `${key} once more`;
      seen.add(key);
      return null;
    };
  };
  return rowCheck<RowWith<K>>(name, "INTEGRITY", options, "no two rows with one key", start, "keys");
}

/**
 * The column's numbers are between `min` and `max`, both included. Decimals as text are compared digit by
 * digit, never as floats. A null passes (that is what `notNull` is for); what is no number fails.
 *
 * @example range("shares", { min: 0, max: "99999999999999.999999" })
 */
export function range<const K extends string>(
  column: K,
  bounds: { readonly min?: number | string; readonly max?: number | string },
  options: RowCheckOptions = {},
): QualityCheck<RowWith<K, Quantity>> {
  const min = bounds.min === undefined ? null : bound(bounds.min);
  const max = bounds.max === undefined ? null : bound(bounds.max);
  const expected = rangeText(bounds.min, bounds.max);
  return rowCheck<RowWith<K, Quantity>>(
    `range(${column})`,
    "BUSINESS_RULE",
    options,
    expected,
    () => (row) => {
      const value: Quantity = row[column];
      if (value === null || value === undefined) return null;
      const number = exactNumber(value);
      if (!number) return `${column} is not a number: ${valueText(value)}`;
      const outside = (min && compareExact(number, min) < 0) || (max && compareExact(number, max) > 0);
      return outside ? `${column} = ${value} in ${rowText(row)}` : null;
    },
  );
}

/** The column holds one of these values, compared as they are (`"t1"` is not `"T1"`). A null passes. */
export function acceptedValues<const K extends string, V extends string | number | boolean>(
  column: K,
  values: readonly V[],
  options: RowCheckOptions = {},
): QualityCheck<RowWith<K>> {
  const accepted = new Set<unknown>(values);
  const expected = `one of ${values.slice(0, MAX_SAMPLES).join(", ")}`;
  return rowCheck<RowWith<K>>(`acceptedValues(${column})`, "INTEGRITY", options, expected, () => (row) => {
    const value: unknown = row[column];
    if (value === null || value === undefined || accepted.has(value)) return null;
    return `${column} = ${valueText(value)} in ${rowText(row)}`;
  });
}

/** The column's text matches the pattern. A null passes; what is no text fails. */
export function matches<const K extends string>(
  column: K,
  pattern: RegExp,
  options: RowCheckOptions = {},
): QualityCheck<RowWith<K, string | null | undefined>> {
  // A pattern with g or y remembers where it was and would judge every second row wrongly.
  const regex = new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, ""));
  const name = `matches(${column})`;
  return rowCheck<RowWith<K, string | null | undefined>>(
    name,
    "INTEGRITY",
    options,
    String(pattern),
    () => (row) => {
      const value: unknown = row[column];
      if (value === null || value === undefined) return null;
      return typeof value === "string" && regex.test(value) ? null : `${column} = ${valueText(value)}`;
    },
  );
}

/**
 * A rule of your own, row by row. Say what the row is: a call inside of `checks` cannot learn it from there.
 *
 * @example satisfies("at most 5", (row: { readonly trades: number }) => row.trades <= 5)
 */
export function satisfies<R extends object>(
  name: string,
  rule: (row: R) => boolean,
  options: RowCheckOptions = {},
): QualityCheck<R> {
  return rowCheck<R>(name, "BUSINESS_RULE", options, name, () => (row) => (rule(row) ? null : rowText(row)));
}

/**
 * The column's numbers add up to `target`, give or take `tolerance` (both exact, in the column's own unit).
 * Nulls are left out; a value that is no number is a FAIL.
 *
 * @example sumTo("market_share", 1, "0.0001")
 */
export function sumTo<const K extends string>(
  column: K,
  target: number | string,
  tolerance: number | string = 0,
  options: CheckOptions = {},
): QualityCheck<RowWith<K, Quantity>> {
  const wanted = bound(target);
  const allowed = bound(tolerance);
  const expected = `${target} ± ${tolerance}`;
  return defineCheck<RowWith<K, Quantity>>(`sumTo(${column})`, "BUSINESS_RULE", options, "constant", () => {
    let sum: ExactNumber = { units: 0n, scale: 0 };
    const bad = failures();
    return {
      add(row) {
        const value: Quantity = row[column];
        if (value === null || value === undefined) return;
        const number = exactNumber(value);
        if (number) sum = addExact(sum, number);
        else bad.add(`${column} is not a number: ${valueText(value)}`);
      },
      finish(): QualityFinding {
        const off = addExact(sum, { units: -wanted.units, scale: wanted.scale });
        const size = { units: off.units < 0n ? -off.units : off.units, scale: off.scale };
        const actual = fromUnits(sum.units, sum.scale);
        return {
          status: bad.count === 0 && compareExact(size, allowed) <= 0 ? "PASS" : "FAIL",
          message: `${column} adds up to ${actual}, expected ${expected}${bad.count === 0 ? "" : `; ${bad.count} ${bad.count === 1 ? "value is not a number" : "values are not numbers"}`}`,
          actual,
          expected,
          rowsFailed: bad.count,
          samples: bad.samples,
        };
      },
    };
  });
}

function bound(value: number | string): ExactNumber {
  return exactNumber(value) ?? refuse(`"${value}" is not a number that a check can compare with.`);
}

function rangeText(min: number | string | undefined, max: number | string | undefined): string {
  if (min === undefined) return max === undefined ? "any number" : `at most ${max}`;
  return max === undefined ? `at least ${min}` : `between ${min} and ${max}`;
}

function rowsText(count: number): string {
  return `${count} ${count === 1 ? "row" : "rows"}`;
}

/** Two digits that count: 99.98 % is not 100 %, and 0.019 % is not 0. */
function percent(share: number): string {
  const text = (share * 100).toFixed(share > 0 && share < 0.001 ? 3 : 2);
  return `${text.replace(/\.?0+$/, "")} %`;
}

function rowText(row: Row | object): string {
  return JSON.stringify(row);
}

function valueText(value: unknown): string {
  return JSON.stringify(value) ?? String(value);
}
