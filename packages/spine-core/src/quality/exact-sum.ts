import { type ColumnBlock, columnOf } from "../data/column-block.ts";
import { fromUnits } from "../data/decimal.ts";
import type { JsonValue } from "../json.ts";
import { valueText } from "./check-texts.ts";
import { type Failures, failures } from "./define-check.ts";
import { addExact, type ExactNumber, exactNumber } from "./exact-number.ts";

/** Sums of whole units in floats stay exact up to here, with room for one more of 15 digits. */
const ROOM = 2 ** 52;
const MOST_DIGITS = 15;

/** The numbers of a column as they are added up. */
export interface ExactSum {
  add(row: object): void;
  addColumns(block: ColumnBlock): void;
  save(): JsonValue;
  restore(state: JsonValue): void;
  /** The sum, as a decimal text too, and the values that were no numbers. */
  result(): { readonly total: ExactNumber; readonly text: string; readonly bad: Failures };
}

/** Adds up a column exactly. Nulls are left out. */
export function exactSum(column: string): ExactSum {
  let total: ExactNumber = { units: 0n, scale: 0 };
  /** By digits after the point: whole units that are not in `total` yet. Most numbers are short enough for that. */
  const short: number[] = [];
  const bad = failures();
  const settle = () => {
    for (const [scale, units] of short.entries()) {
      if (units) total = addExact(total, { units: BigInt(units), scale });
    }
    short.length = 0;
    return total;
  };
  const addShort = (units: number, scale: number) => {
    const sum = (short[scale] ?? 0) + units;
    if (sum < ROOM && sum > -ROOM) {
      short[scale] = sum;
      return;
    }
    total = addExact(total, { units: BigInt(sum), scale });
    short[scale] = 0;
  };
  const take = (value: unknown) => {
    if (value === null || value === undefined) return;
    if (typeof value === "string" && value.length <= MOST_DIGITS + 1) {
      const scale = shortScale(value);
      if (scale >= 0) {
        addShort(scale === 0 ? Number(value) : Number(value.replace(".", "")), scale);
        return;
      }
    } else if (typeof value === "number" && Number.isInteger(value) && Math.abs(value) < 10 ** MOST_DIGITS) {
      addShort(value, 0);
      return;
    }
    const number = exactNumber(value);
    if (number) total = addExact(total, number);
    else bad.add(`${column} is not a number: ${valueText(value)}`);
  };
  return {
    add: (row) => take((row as Readonly<Record<string, unknown>>)[column]),
    addColumns(block) {
      for (const value of columnOf(block, column) ?? []) take(value);
    },
    save() {
      const { units, scale } = settle();
      return { units: String(units), scale, bad: bad.save() };
    },
    restore(state) {
      const saved = state as { readonly units: string; readonly scale: number; readonly bad: JsonValue };
      short.length = 0;
      total = { units: BigInt(saved.units), scale: saved.scale };
      bad.restore(saved.bad);
    },
    result() {
      const sum = settle();
      return { total: sum, text: fromUnits(sum.units, sum.scale), bad };
    },
  };
}

/** Digits after the point of a short plain decimal text; -1 for any other text. */
function shortScale(text: string): number {
  let point = -1;
  let digits = 0;
  const from = text.charCodeAt(0) === 45 ? 1 : 0;
  const { length } = text;
  for (let at = from; at < length; at++) {
    const code = text.charCodeAt(at);
    if (code >= 48 && code <= 57) digits += 1;
    else if (code === 46 && point < 0 && at > from && at < length - 1) point = at;
    else return -1;
  }
  if (digits === 0 || digits > MOST_DIGITS) return -1;
  return point < 0 ? 0 : length - 1 - point;
}
