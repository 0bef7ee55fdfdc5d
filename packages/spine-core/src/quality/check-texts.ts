import { anObject, checkOptions, type OptionKind } from "../check-options.ts";
import { refuse } from "./define-check.ts";
import { compareExact, type ExactNumber, exactNumber, plainNumber } from "./exact-number.ts";

/** A bound of a check as an exact number. @throws SpineError CONFIG_INVALID */
export function bound(value: number | string): ExactNumber {
  return exactNumber(value) ?? refuse(`"${value}" is not a number that a check can compare with.`);
}

export function rangeText(min: number | string | undefined, max: number | string | undefined): string {
  if (min === undefined) return max === undefined ? "any number" : `at most ${max}`;
  return max === undefined ? `at least ${min}` : `between ${min} and ${max}`;
}

export function rowsText(count: number): string {
  return `${count} ${count === 1 ? "row" : "rows"}`;
}

export function rowText(row: object): string {
  return JSON.stringify(row);
}

export function valueText(value: unknown): string {
  return JSON.stringify(value) ?? String(value);
}

/** Whether a value lies between two bounds, both included; null passes, what is no number does not. */
export function quantityIn(min: ExactNumber | null, max: ExactNumber | null): (value: unknown) => boolean {
  const least = min === null ? Number.NEGATIVE_INFINITY : floatOf(min);
  const most = max === null ? Number.POSITIVE_INFINITY : floatOf(max);
  return (value) => {
    if (value === null || value === undefined) return true;
    // Rounding to a float keeps the order: one that is truly between two others was so before. The rest is looked at exactly.
    const near =
      typeof value === "string" ? plainNumber(value) : typeof value === "number" ? value : Number.NaN;
    if (near > least && near < most && Number.isFinite(near)) return true;
    const number = exactNumber(value);
    if (!number) return false;
    return !(min && compareExact(number, min) < 0) && !(max && compareExact(number, max) > 0);
  };
}

function floatOf({ units, scale }: ExactNumber): number {
  return Number(`${units}e${-scale}`);
}

interface BothBounds {
  readonly min?: number;
  readonly max?: number;
}
const aBound: OptionKind = {
  is: "a number",
  fits: (value) => typeof value === "number" && !Number.isNaN(value),
};
const BOUNDS = { min: aBound, max: aBound };

/** What follows from a count: FAIL outside of the bounds, WARN outside of the narrower ones of `warn`. */
export function statusWithin(
  name: string,
  bounds: BothBounds & { readonly warn?: BothBounds },
): (count: number) => { readonly status: "PASS" | "WARN" | "FAIL"; readonly expected: string } {
  checkOptions(
    bounds,
    { ...BOUNDS, warn: anObject },
    { of: `the bounds of ${name}`, name: "bounds", code: "CONFIG_INVALID" },
  );
  const { warn, ...fail } = bounds;
  for (const one of [fail, warn ?? {}]) {
    checkOptions(one, BOUNDS, { of: `the bounds of ${name}`, code: "CONFIG_INVALID" });
    const { min = 0, max = Number.POSITIVE_INFINITY } = one;
    if (!(min <= max)) refuse(`${name}({ min: ${min}, max: ${max} }) can never pass.`);
  }
  const all = [fail.min, fail.max, warn?.min, warn?.max];
  if (all.every((one) => one === undefined))
    refuse(`${name} needs a bound, or it always passes: \`min\`, \`max\` or both.`);
  const within = (count: number, { min = 0, max = Number.POSITIVE_INFINITY }: BothBounds) =>
    count >= min && count <= max;
  return (count) => {
    if (!within(count, fail)) return { status: "FAIL", expected: rangeText(fail.min, fail.max) };
    if (warn === undefined || within(count, warn)) {
      return { status: "PASS", expected: rangeText(fail.min, fail.max) };
    }
    return { status: "WARN", expected: rangeText(warn.min, warn.max) };
  };
}

/** Two digits that count: 99.98 % is not 100 %, and 0.019 % is not 0. */
export function percent(share: number): string {
  const text = (share * 100).toFixed(Math.abs(share) > 0 && Math.abs(share) < 0.001 ? 3 : 2);
  return `${text.replace(/\.?0+$/, "")} %`;
}
