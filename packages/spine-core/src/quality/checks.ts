import { aFunction, anything, aText, checkArgument, checkOptions, required } from "../check-options.ts";
import { type ColumnBlock, columnOf, rowAt } from "../data/column-block.ts";
import { SpineError } from "../errors.ts";
import type { JsonValue } from "../json.ts";
import {
  bound,
  percent,
  quantityIn,
  rangeText,
  rowsText,
  rowText,
  statusWithin,
  valueText,
} from "./check-texts.ts";
import {
  type CheckOptions,
  cellCheck,
  defineCheck,
  failures,
  givenOptions,
  MAX_SAMPLES,
  onColumn,
  onColumns,
  ROW_CHECK,
  type RowCheckOptions,
  refuse,
  rowCheck,
  verdictOn,
} from "./define-check.ts";
import { addExact, compareExact, exactNumber } from "./exact-number.ts";
import { exactSum } from "./exact-sum.ts";
import { keyTally, uniqueKeys } from "./key-tally.ts";
import type { QualityCheck, QualityFinding } from "./quality-check.ts";

export type { CheckOptions, RowCheckOptions } from "./define-check.ts";

const CODE = { code: "CONFIG_INVALID" } as const;

/** Rows that have these columns, whatever is in them. */
type RowWith<K extends string, V = unknown> = Readonly<Record<K, V>>;
/** A quantity: a number, or a decimal as text. */
type Quantity = number | string | null | undefined;

/** A number is at least `min` and at most `max`; a bound that is left out does not count. */
export interface Bounds {
  readonly min?: number;
  readonly max?: number;
  /** Narrower ones: outside of them it is a WARN. */
  readonly warn?: { readonly min?: number; readonly max?: number };
}

/**
 * The number of rows is at least `min` and at most `max`; a bound that is left out does not count.
 *
 * @example recordCount({ min: 1 })
 */
export function recordCount(bounds: Bounds, options: CheckOptions = {}): QualityCheck<object> {
  const judge = statusWithin("recordCount", bounds);
  return defineCheck("recordCount", "COMPLETENESS", options, "constant", () => {
    let rows = 0;
    return {
      add: () => {
        rows += 1;
      },
      addColumns: (block) => {
        rows += block.rows;
      },
      finish: () => {
        const { status, expected } = judge(rows);
        return { status, message: `${rowsText(rows)}, expected ${expected}`, actual: rows, expected };
      },
      save: () => rows,
      restore: (state) => {
        rows = state as number;
      },
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
  const share = { is: "a share from 0 to 1", fits: (value: unknown) => typeof value === "number" };
  checkOptions(
    limits,
    { warn: share, fail: required(share) },
    { of: "rejectShare", name: "limits", ...CODE },
  );
  const { warn = 0, fail } = limits;
  if (!(0 <= warn && warn <= fail && fail <= 1)) {
    refuse(
      `rejectShare({ warn: ${warn}, fail: ${fail} }): give shares from 0 to 1, \`warn\` not above \`fail\`.`,
    );
  }
  return defineCheck("rejectShare", "COMPLETENESS", options, "constant", (input) => ({
    add: () => {},
    addColumns: () => {},
    save: () => null,
    restore: () => {},
    finish: () => {
      const { rows, rejected } = input;
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
  const name = onColumns("notNull", columns);
  const verdict = verdictOn(name, options, "no null");
  const start = () => {
    const bad = failures();
    const judge = (row: RowWith<K>) => {
      const missing = columns.filter((column) => row[column] === null || row[column] === undefined);
      if (missing.length > 0) bad.add(`${missing.join(", ")} missing in ${rowText(row)}`);
    };
    return {
      add: judge,
      addColumns(block: ColumnBlock) {
        const values = columns.map((column) => columnOf(block, column));
        for (let index = 0; index < block.rows; index++) {
          for (const one of values) {
            if (one !== null && one[index] !== null && one[index] !== undefined) continue;
            judge(rowAt(block, index) as RowWith<K>);
            break;
          }
        }
      },
      finish: () => verdict(bad),
      save: () => bad.save(),
      restore: (state: JsonValue) => bad.restore(state),
    };
  };
  return defineCheck<RowWith<K>>(name, "COMPLETENESS", options, "constant", start, ROW_CHECK);
}

/**
 * No two rows agree in all of these columns. A null equals a null here, although a unique index may let both
 * in. Texts are compared as they are: `BCPC` and `BCpC` are two. Up to 100,000 distinct keys are kept in memory; where there
 * are more, the database counts them.
 */
export function unique<const K extends string>(
  columns: readonly K[],
  options: RowCheckOptions = {},
): QualityCheck<RowWith<K>> {
  const name = onColumns("unique", columns);
  const verdict = verdictOn(name, options, "no two rows with one key");
  return defineCheck<RowWith<K>>(
    name,
    "INTEGRITY",
    options,
    "keys",
    (input) => uniqueKeys(columns, input, verdict),
    ROW_CHECK,
  );
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
  const name = onColumn("range", column);
  checkOptions(bounds, { min: anything, max: anything }, { of: name, name: "bounds", ...CODE });
  if (bounds.min === undefined && bounds.max === undefined)
    refuse(`${name} needs a bound: \`min\`, \`max\` or both. For any number there is \`schema\`.`);
  const min = bounds.min === undefined ? null : bound(bounds.min);
  const max = bounds.max === undefined ? null : bound(bounds.max);
  const expected = rangeText(bounds.min, bounds.max);
  if (min && max && compareExact(min, max) > 0) refuse(`${name}: nothing is ${expected}.`);
  return cellCheck<RowWith<K, Quantity>>(name, "BUSINESS_RULE", options, expected, {
    column,
    passes: quantityIn(min, max),
    why: (value, row) =>
      exactNumber(value)
        ? `${column} = ${String(value)} in ${rowText(row)}`
        : `${column} is not a number: ${valueText(value)}`,
  });
}

/** The column holds one of these values, compared as they are (`"t1"` is not `"T1"`). A null passes. */
export function acceptedValues<const K extends string, V extends string | number | boolean>(
  column: K,
  values: readonly V[],
  options: RowCheckOptions = {},
): QualityCheck<RowWith<K>> {
  const name = onColumn("acceptedValues", column);
  const aValue = {
    is: "a list with a value at least",
    fits: (given: unknown) => Array.isArray(given) && given.length > 0,
  };
  checkArgument("values", values, aValue, { of: name, ...CODE });
  const accepted = new Set<unknown>(values);
  const expected = `one of ${values.slice(0, MAX_SAMPLES).join(", ")}`;
  return cellCheck<RowWith<K>>(name, "INTEGRITY", options, expected, {
    column,
    passes: (value) => value === null || value === undefined || accepted.has(value),
    why: (value, row) => `${column} = ${valueText(value)} in ${rowText(row)}`,
  });
}

/** The column's text matches the pattern. A null passes; what is no text fails. */
export function matches<const K extends string>(
  column: K,
  pattern: RegExp,
  options: RowCheckOptions = {},
): QualityCheck<RowWith<K, string | null | undefined>> {
  const name = onColumn("matches", column);
  const aPattern = { is: "a regular expression", fits: (given: unknown) => given instanceof RegExp };
  checkArgument("pattern", pattern, aPattern, { of: name, ...CODE });
  // A pattern with g or y remembers where it was and would judge every second row wrongly.
  const regex = new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, ""));
  return cellCheck<RowWith<K, string | null | undefined>>(name, "INTEGRITY", options, String(pattern), {
    column,
    passes: (value) =>
      value === null || value === undefined || (typeof value === "string" && regex.test(value)),
    why: (value) => `${column} = ${valueText(value)}`,
  });
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
  const whose = { of: "satisfies", ...CODE };
  checkArgument("name", name, aText, whose);
  checkArgument("rule", rule, aFunction, whose);
  return rowCheck<R>(name, "BUSINESS_RULE", options, name, (row) => {
    const says: unknown = rule(row);
    // A promise would let every row pass.
    if (says instanceof Promise) throw asksLater(name, says);
    return says ? null : rowText(row);
  });
}

function asksLater(name: string, promise: Promise<unknown>): SpineError {
  promise.catch(() => {});
  return new SpineError(
    "CONFIG_INVALID",
    `The rule of "${name}" answers with a promise. It has to say true or false at once; ask a database by \`sql\` or \`relationship\`.`,
  );
}

/**
 * The column's numbers add up to `target`, give or take `tolerance` (both exact, in the column's own unit).
 * Nulls are left out; a value that is no number is a FAIL. Farther off than `warn` (0 at least) is a WARN.
 *
 * @example sumTo("market_share", 1, "0.0001")
 */
export function sumTo<const K extends string>(
  column: K,
  target: number | string,
  tolerance: number | string = 0,
  options: CheckOptions & { readonly warn?: number | string } = {},
): QualityCheck<RowWith<K, Quantity>> {
  const name = onColumn("sumTo", column);
  const { warn = tolerance, ...rest } = givenOptions(name, options);
  const wanted = bound(target);
  const [allowed, calm] = [bound(tolerance), bound(warn)];
  if (allowed.units < 0n || calm.units < 0n || compareExact(calm, allowed) > 0)
    refuse(`${name}: give a \`tolerance\` from 0, and a \`warn\` from 0 that is not above it.`);
  const start = () => {
    const sum = exactSum(column);
    return {
      ...sum,
      finish(): QualityFinding {
        const { total, text: actual, bad } = sum.result();
        const off = addExact(total, { units: -wanted.units, scale: wanted.scale });
        const size = { units: off.units < 0n ? -off.units : off.units, scale: off.scale };
        const fails = bad.count > 0 || compareExact(size, allowed) > 0;
        const warns = compareExact(size, calm) > 0;
        const expected = `${target} ± ${!fails && warns ? warn : tolerance}`;
        return {
          status: fails ? "FAIL" : warns ? "WARN" : "PASS",
          message: `${column} adds up to ${actual}, expected ${expected}${bad.count === 0 ? "" : `; ${bad.count} ${bad.count === 1 ? "value is not a number" : "values are not numbers"}`}`,
          actual,
          expected,
          rowsFailed: bad.count,
          samples: bad.samples,
        };
      },
    };
  };
  return defineCheck<RowWith<K, Quantity>>(name, "BUSINESS_RULE", rest, "constant", start);
}

/**
 * The number of distinct keys is at least `min` and at most `max`; rows with a null in one of the columns are left out. Up to
 * 100,000 keys are kept in memory; where there are more, the database counts them.
 *
 * @example distinctCount(["symbol"], { min: 4_000 })
 */
export function distinctCount<const K extends string>(
  columns: readonly K[],
  bounds: Bounds,
  options: CheckOptions = {},
): QualityCheck<RowWith<K>> {
  const name = onColumns("distinctCount", columns);
  const judge = statusWithin(name, bounds);
  return defineCheck<RowWith<K>>(name, "COMPLETENESS", options, "keys", (input) => {
    const tally = keyTally(columns, input, { nulls: false });
    return {
      add: tally.add,
      addColumns: tally.addColumns,
      inspect: tally.inspect,
      finish() {
        const distinct = tally.distinct();
        const { status, expected } = judge(distinct);
        const keys = `${distinct} distinct ${distinct === 1 ? "key" : "keys"}`;
        return { status, message: `${keys}, expected ${expected}`, actual: distinct, expected };
      },
      save: tally.save,
      restore: tally.restore,
    };
  });
}
