import type { SchemaTree } from "hyparquet";
import { type JsonValue, SourceError } from "spine-core";
import { exactJson } from "../exact-json.ts";

/** Makes JSON of the values of one column. */
export type ParquetValue = (value: unknown) => JsonValue;

type Element = SchemaTree["element"];

/** What hyparquet makes of values that it understands by itself, wherever they stand. */
export const PARSERS = {
  timestampFromMilliseconds: (value: bigint | undefined) => isoTime(value, 3, true),
  timestampFromMicroseconds: (value: bigint | undefined) => isoTime(value, 6, true),
  timestampFromNanoseconds: (value: bigint | undefined) => isoTime(value, 9, true),
  dateFromDays: (value: number | undefined) =>
    value === undefined ? null : isoTime(BigInt(value) * 86_400n, 0, true).slice(0, -10),
  stringFromBytes: (bytes: Uint8Array | undefined) => text(bytes),
  jsonFromBytes: (bytes: Uint8Array | undefined) =>
    bytes === undefined ? null : exactJson(text(bytes) ?? ""),
};

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * How the values of a column become JSON: decimals and whole numbers beyond 2^53 as strings, times as ISO 8601 in all their
 * digits, NaN and infinities by their names, bytes as base64. It takes the marks off the column that would let hyparquet make
 * floating-point numbers and cut times of it.
 */
export function valuesOf({ element, children }: SchemaTree): ParquetValue {
  if (children.length > 0) {
    if (children.some(holdsDecimal)) {
      throw new SourceError(
        `The column ${JSON.stringify(element.name)} holds decimals inside of others, which are not read exactly.`,
        { code: "SOURCE_FORMAT" },
      );
    }
    return jsonOf;
  }
  const { converted_type, logical_type, type } = element;
  if (isDecimal(element)) {
    const scale = element.scale ?? (logical_type as { scale?: number } | undefined)?.scale ?? 0;
    unmark(element);
    return orNull((value) => decimal(value, scale));
  }
  if (logical_type?.type === "TIMESTAMP" || converted_type?.startsWith("TIMESTAMP_")) {
    const named = logical_type?.type === "TIMESTAMP" ? logical_type : null;
    const digits = DIGITS[named?.unit ?? (converted_type === "TIMESTAMP_MILLIS" ? "MILLIS" : "MICROS")];
    unmark(element);
    return orNull((value) => isoTime(value as bigint, digits, named?.isAdjustedToUTC ?? true));
  }
  if (logical_type?.type === "TIME" || converted_type?.startsWith("TIME_")) {
    const unit = logical_type?.type === "TIME" ? logical_type.unit : null;
    const digits = DIGITS[unit ?? (converted_type === "TIME_MILLIS" ? "MILLIS" : "MICROS")];
    // The time of day is what follows the date of a time on the first day.
    return orNull((value) => isoTime(BigInt(value as number), digits, false).slice(11));
  }
  if (logical_type?.type === "ENUM" || converted_type === "ENUM")
    return orNull((value) => text(value as Uint8Array));
  if (logical_type?.type === "DATE" && converted_type === undefined)
    return orNull((value) => PARSERS.dateFromDays(value as number));
  if (type === "DOUBLE" || type === "FLOAT" || type === "INT64") return orNull(plainNumber);
  return jsonOf;
}

const DIGITS = { MILLIS: 3, MICROS: 6, NANOS: 9 } as const;

function unmark(element: Element): void {
  element.converted_type = undefined as never;
  element.logical_type = undefined as never;
}

function isDecimal({ converted_type, logical_type }: Element): boolean {
  return converted_type === "DECIMAL" || logical_type?.type === "DECIMAL";
}

function holdsDecimal({ element, children }: SchemaTree): boolean {
  return isDecimal(element) || children.some(holdsDecimal);
}

function orNull(make: (value: unknown) => JsonValue): ParquetValue {
  return (value) => (value === undefined || value === null ? null : make(value));
}

function plainNumber(value: unknown): JsonValue {
  if (typeof value === "bigint") {
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : String(value);
  }
  return Number.isFinite(value) ? (value as number) : String(value);
}

/** Any value that hyparquet yields as JSON. */
function jsonOf(value: unknown): JsonValue {
  if (value === undefined || value === null) return null;
  if (typeof value === "bigint" || typeof value === "number") return plainNumber(value);
  if (value instanceof Uint8Array) return Buffer.from(value).toString("base64");
  if (value instanceof Date) return value.toISOString();
  if (Array.isArray(value) || ArrayBuffer.isView(value)) return Array.from(value as unknown[], jsonOf);
  if (typeof value !== "object") return value as JsonValue;
  const entries = Object.entries(value).filter(([key]) => key !== "__proto__");
  return Object.fromEntries(entries.map(([key, each]) => [key, jsonOf(each)]));
}

function decimal(value: unknown, scale: number): string {
  const unscaled =
    value instanceof Uint8Array
      ? value.length === 0
        ? 0n
        : BigInt.asIntN(value.length * 8, BigInt(`0x${Buffer.from(value).toString("hex")}`))
      : BigInt(value as number | bigint);
  const digits = String(unscaled < 0n ? -unscaled : unscaled).padStart(scale + 1, "0");
  const whole = digits.slice(0, digits.length - scale);
  return `${unscaled < 0n ? "-" : ""}${whole}${scale > 0 ? `.${digits.slice(-scale)}` : ""}`;
}

/** ISO 8601 with so many digits of a second. @param value units of 10^-digits seconds since 1970 */
function isoTime(value: bigint | undefined, digits: number, utc: boolean): string {
  if (value === undefined) return null as never;
  const unit = 10n ** BigInt(digits);
  const fraction = ((value % unit) + unit) % unit;
  const seconds = new Date(Number((value - fraction) / unit) * 1000);
  if (Number.isNaN(seconds.getTime())) {
    throw new SourceError(`The time ${value} lies outside of what a date can be.`, {
      code: "SOURCE_MALFORMED",
    });
  }
  const shown = seconds.toISOString().slice(0, -5);
  return `${shown}${digits > 0 ? `.${String(fraction).padStart(digits, "0")}` : ""}${utc ? "Z" : ""}`;
}

function text(bytes: Uint8Array | undefined): string | null {
  if (bytes === undefined || bytes === null) return null;
  try {
    return utf8.decode(bytes);
  } catch (error) {
    throw new SourceError("A text is not valid UTF-8.", { code: "SOURCE_ENCODING", cause: error });
  }
}
