import { type Column, canonicalJson, SpineError, toUnits } from "spine-core";
import type { SqlValue } from "./sqlite-connection.ts";
import { isDate, storedTimestamp } from "./stored-time.ts";

const LARGEST_UNITS = 2n ** 63n - 1n;

/** The column of the file that holds the values of a table's column: decimals are kept as whole units. */
export function storedName(name: string, column: Column): string {
  return column.type === "decimal" ? `${name}_units` : name;
}

/** How a column's values are stored: `null` in, `null` out; a value that does not fit throws its reason. */
export type Encode = (value: unknown) => SqlValue;

/** The function that stores a column's values. It throws a text-only error; the caller knows row and column. */
export function encoderOf(column: Column): Encode {
  const encode = ENCODERS[column.type](column);
  return (value) => {
    if (value !== null && value !== undefined) return encode(value);
    if (column.nullable) return null;
    throw misfit("it is missing, and the column is not nullable");
  };
}

const ENCODERS: { readonly [T in Column["type"]]: (column: Column) => Encode } = {
  text: () => (value) => (typeof value === "string" ? value : refuse(value, "a text")),
  integer: () => (value) => {
    if (typeof value === "number" && Number.isSafeInteger(value)) return value;
    return refuse(value, "a whole number of at most 2^53");
  },
  boolean: () => (value) => (typeof value === "boolean" ? Number(value) : refuse(value, "true or false")),
  date: () => (value) =>
    typeof value === "string" && isDate(value) ? value : refuse(value, "a date as YYYY-MM-DD"),
  timestamp: () => (value) =>
    (typeof value === "string" ? storedTimestamp(value) : null) ??
    refuse(value, "an ISO time with its zone, e.g. 2025-01-06T09:30:00Z"),
  // SQLite compares texts: the same members in another order would be another value.
  json: () => (value) => jsonText(value) ?? refuse(value, "a JSON value"),
  decimal:
    ({ scale }) =>
    (value) =>
      typeof value === "string" ? decimalUnits(value, scale) : refuse(value, "a decimal number as text"),
};

function jsonText(value: unknown): string | undefined {
  return typeof value === "object" ? canonicalJson(value) : JSON.stringify(value);
}

function decimalUnits(text: string, scale: number): bigint {
  const units = toUnits(text, scale);
  if (units >= -LARGEST_UNITS && units <= LARGEST_UNITS) return units;
  throw misfit(`"${text}" is too large: SQLite keeps at most 2^63 - 1 units of 10^-${scale}`);
}

function refuse(value: unknown, expected: string): never {
  throw misfit(`${JSON.stringify(value) ?? String(value)} is not ${expected}`);
}

function misfit(why: string): SpineError {
  return new SpineError("LOAD_FAILED", why);
}
