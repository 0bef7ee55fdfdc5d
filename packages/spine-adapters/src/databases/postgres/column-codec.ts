import { type Column, SpineError, toUnits } from "spine-core";

/** The digits of `numeric` columns. */
const PRECISION = 20;
const DATE = /^\d{4}-\d{2}-\d{2}$/;
const TIMESTAMP = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:\d{2})$/;

/** The type of a column in Postgres. Text sorts by code points, as it does in every other database of Spine. */
export function sqlType(column: Column): string {
  switch (column.type) {
    case "text":
      return "text";
    case "integer":
      return "bigint";
    case "boolean":
      return "boolean";
    case "date":
      return "date";
    case "timestamp":
      return "timestamp with time zone";
    case "json":
      return "jsonb";
    case "decimal":
      return `numeric(${PRECISION},${column.scale})`;
  }
}

/** How a value is written: its text, or null. A value that does not fit throws its reason. */
export type Encode = (value: unknown) => string | null;

/** The function that writes a column's values. It throws a text-only error; the caller knows row and column. */
export function encoderOf(column: Column): Encode {
  const encode = ENCODERS[column.type](column);
  return (value) => {
    if (value !== null && value !== undefined) return encode(value);
    if (column.nullable) return null;
    throw misfit("it is missing, and the column is not nullable");
  };
}

const ENCODERS: { readonly [T in Column["type"]]: (column: Column) => (value: unknown) => string } = {
  text: () => (value) => (typeof value === "string" ? storable(value) : refuse(value, "a text")),
  integer: () => (value) => {
    if (typeof value === "number" && Number.isSafeInteger(value)) return String(value);
    return refuse(value, "a whole number of at most 2^53");
  },
  boolean: () => (value) => (typeof value === "boolean" ? String(value) : refuse(value, "true or false")),
  date: () => (value) =>
    typeof value === "string" && DATE.test(value) ? value : refuse(value, "a date as YYYY-MM-DD"),
  timestamp: () => (value) =>
    typeof value === "string" && TIMESTAMP.test(value)
      ? value
      : refuse(value, "an ISO time with its zone, e.g. 2025-01-06T09:30:00Z"),
  json: () => (value) => {
    const text = JSON.stringify(value) as string | undefined;
    if (text === undefined) return refuse(value, "a JSON value");
    // A backslash before the escape would make it mean the six characters themselves.
    if (/(?<!\\)(?:\\\\)*\\u0000/.test(text))
      throw misfit("it has a NUL character, which Postgres cannot hold");
    return storable(text);
  },
  decimal:
    ({ scale }) =>
    (value) =>
      typeof value === "string" ? decimalText(value, scale) : refuse(value, "a decimal number as text"),
};

function decimalText(text: string, scale: number): string {
  const units = toUnits(text, scale);
  const most = 10n ** BigInt(PRECISION);
  if (units < most && units > -most) return text;
  throw misfit(
    `"${text}" is too large: numeric(${PRECISION},${scale}) has ${PRECISION - scale} digits before the point`,
  );
}

function storable(text: string): string {
  if (text.includes("\0")) throw misfit("it has a NUL character, which Postgres cannot hold");
  if (!text.isWellFormed()) throw misfit("it is not valid Unicode (half of a surrogate pair)");
  return text;
}

function refuse(value: unknown, expected: string): never {
  throw misfit(`${JSON.stringify(value) ?? String(value)} is not ${expected}`);
}

function misfit(why: string): SpineError {
  return new SpineError("LOAD_FAILED", why);
}
