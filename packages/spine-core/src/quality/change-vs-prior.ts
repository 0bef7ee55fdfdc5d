import { aFunction, checkOptions, type OptionKind } from "../check-options.ts";
import type { ColumnBlock } from "../data/column-block.ts";
import { percent } from "./check-texts.ts";
import { type CheckOptions, defineCheck, failures, givenOptions, refuse } from "./define-check.ts";
import { exactSum } from "./exact-sum.ts";
import { keyTally } from "./key-tally.ts";
import type {
  QualityCheck,
  QualityContext,
  QualityFinding,
  QualityInput,
  QualityInspection,
} from "./quality-check.ts";

/** What is compared with earlier runs. */
export type ChangeOf<K extends string> = "rows" | { readonly sum: K } | { readonly distinct: K };

/** How far a value may move, as a share: 0.2 is a fifth more or less. */
export interface ChangeLimits {
  /** A larger change is a WARN. */
  readonly warn?: number;
  /** A larger change is a FAIL. */
  readonly fail?: number;
  /** The mean of so many completed runs is compared with; 1 when left out. */
  readonly prior?: number;
}

export interface ChangeOptions extends CheckOptions {
  /** Which runs are its like, e.g. those of one tier; all of the workflow's when left out. Recorded with the result. */
  readonly scope?: (input: QualityInput) => string;
}

/** What is counted of the rows. */
interface Counted {
  add(row: object): void;
  addColumns(block: ColumnBlock): void;
  inspect?(): QualityInspection | null;
  value(): { readonly actual: number | string; readonly samples: readonly string[]; readonly bad: number };
}

const aShare: OptionKind = {
  is: "a share from 0, e.g. 0.2",
  fits: (value) => typeof value === "number" && value >= 0,
};
const aNumberOfRuns: OptionKind = {
  is: "a whole number from 1 to 100",
  fits: (value) => Number.isInteger(value) && Number(value) >= 1 && Number(value) <= 100,
};

/**
 * A figure has not moved too far since the completed runs of the same workflow, step and check before this one (in the order in
 * which runs were made). Without such runs it passes, and says so; so does the first of a new `scope`.
 *
 * @throws SpineError CONFIG_INVALID without a limit, or for one that means nothing.
 * @example changeVsPrior("rows", { warn: 0.1, fail: 0.5, prior: 4 }, { scope: ({ partition }) => partition?.tier ?? "" })
 */
export function changeVsPrior<const K extends string>(
  of: ChangeOf<K>,
  limits: ChangeLimits,
  options: ChangeOptions = {},
): QualityCheck<Readonly<Record<K, unknown>>> {
  const { what, count } = counting(of);
  const { scope: scopeOf, ...rest } = givenOptions(`changeVsPrior(${what})`, options);
  const name = rest.name ?? `changeVsPrior(${what})`;
  const kinds = { warn: aShare, fail: aShare, prior: aNumberOfRuns };
  checkOptions(limits, kinds, { of: name, code: "CONFIG_INVALID" });
  if (scopeOf !== undefined && !aFunction.fits(scopeOf))
    refuse(`The option \`scope\` of ${name} is a function.`);
  const { fail = Number.POSITIVE_INFINITY, warn = fail, prior = 1 } = limits;
  if (limits.fail === undefined && limits.warn === undefined)
    refuse(`${name} needs a limit: \`warn\`, \`fail\` or both.`);
  if (warn > fail) refuse(`${name}: \`warn\` is not above \`fail\`.`);
  return defineCheck(
    name,
    "BUSINESS_RULE",
    rest,
    typeof of === "object" && "distinct" in of ? "keys" : "constant",
    (input) => {
      const counted = count(input);
      const scope = scopeOf?.(input);
      let earlier: readonly number[] = [];
      return {
        add: counted.add,
        addColumns: counted.addColumns,
        inspect() {
          const inner = counted.inspect?.() ?? null;
          return {
            columns: inner?.columns ?? null,
            async look(context: QualityContext) {
              await inner?.look(context);
              const values = await context.prior({ check: name, scope: scope ?? null, limit: prior });
              earlier = values.map(Number).filter(Number.isFinite);
            },
          };
        },
        finish(): QualityFinding {
          const { actual, samples, bad } = counted.value();
          const own = { actual, samples, rowsFailed: bad, ...(scope === undefined ? {} : { scope }) };
          if (bad > 0)
            return {
              ...own,
              status: "FAIL",
              message: `${bad} ${bad === 1 ? "value is" : "values are"} no number`,
            };
          if (earlier.length === 0) {
            return {
              ...own,
              status: "PASS",
              message: `${what}: ${actual}; there is no completed run before to compare with`,
            };
          }
          const mean = earlier.reduce((sum, value) => sum + value, 0) / earlier.length;
          const change = changeOf(Number(actual), mean);
          const status = Math.abs(change) > fail ? "FAIL" : Math.abs(change) > warn ? "WARN" : "PASS";
          const limit = status === "FAIL" || warn > 1e300 ? fail : warn;
          const expected = `at most ${percent(limit)} more or less than ${Number(mean.toFixed(6))}`;
          const moved = Number.isFinite(change)
            ? `${change > 0 ? "+" : ""}${percent(change)}`
            : "from nothing";
          return { ...own, status, message: `${what}: ${actual} (${moved}), expected ${expected}`, expected };
        },
        ...("save" in counted
          ? { save: counted.save as () => never, restore: counted.restore as () => void }
          : {}),
      };
    },
  );
}

/** Relative to what was; from nothing to something is more than any share. */
function changeOf(now: number, before: number): number {
  if (now === before) return 0;
  return before === 0 ? Number.POSITIVE_INFINITY : (now - before) / Math.abs(before);
}

function counting(of: ChangeOf<string>): {
  readonly what: string;
  readonly count: (input: QualityInput) => Counted & { save?: unknown; restore?: unknown };
} {
  if (of === "rows") return { what: "rows", count: countRows };
  if (typeof of === "object" && of !== null && "sum" in of) {
    const { sum: column } = of;
    return { what: `sum of ${column}`, count: () => sumOf(column) };
  }
  if (typeof of === "object" && of !== null && "distinct" in of) {
    const { distinct: column } = of;
    return { what: `distinct ${column}`, count: (input) => distinctOf(column, input) };
  }
  return refuse('changeVsPrior compares "rows", { sum: column } or { distinct: column }.');
}

function countRows() {
  let rows = 0;
  return {
    add: () => {
      rows += 1;
    },
    addColumns: (block: ColumnBlock) => {
      rows += block.rows;
    },
    value: () => ({ actual: rows, samples: [], bad: 0 }),
    save: () => rows,
    restore: (state: number) => {
      rows = state;
    },
  };
}

function sumOf(column: string) {
  const sum = exactSum(column);
  return {
    ...sum,
    value() {
      const { text, bad } = sum.result();
      return { actual: text, samples: bad.samples, bad: bad.count };
    },
  };
}

function distinctOf(column: string, input: QualityInput) {
  const tally = keyTally([column], input, { nulls: false });
  const none = failures();
  return {
    add: tally.add,
    addColumns: tally.addColumns,
    inspect: tally.inspect,
    save: tally.save,
    restore: tally.restore,
    value: () => ({ actual: tally.distinct(), samples: none.samples, bad: none.count }),
  };
}
