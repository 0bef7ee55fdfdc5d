import { decodeJson, type JsonValue } from "spine-core";

/** A number that may have more digits than a double holds; also where these stand in a text, which costs time only. */
const DOUBTFUL = /\d[\d.]{15}|\d[eE][+-]?\d{3}/;

/**
 * Parses JSON that others wrote, and loses no digits: a number that a double does not hold exactly enough to give it back is the text
 * that stands there, e.g. `"12345678901234567890"`. `__proto__` keys are dropped.
 */
export function exactJson(text: string): JsonValue {
  return DOUBTFUL.test(text) ? JSON.parse(text, exact) : decodeJson(text);
}

function exact(this: unknown, key: string, value: unknown, context?: { readonly source?: string }): unknown {
  if (key === "__proto__") return undefined;
  if (typeof value !== "number") return value;
  const source = context?.source ?? "";
  return isHeld(value, source) ? value : source;
}

/** No double gives back more digits. */
const MOST_DIGITS = 17;

/** Whether the number gives back the digits that are written there. */
function isHeld(value: number, source: string): boolean {
  if (/^-?\d+$/.test(source)) return Number.isSafeInteger(value);
  const [written, digits] = canonical(source);
  if (!Number.isFinite(value) || digits > MOST_DIGITS) return false;
  return canonical(value.toPrecision(Math.max(digits, 1)))[0] === written;
}

/** Digits without zeros around them and where the point is, equal for equal values; and how many digits. */
function canonical(text: string): readonly [value: string, digits: number] {
  const {
    sign = "",
    whole = "",
    part = "",
    power = "0",
  } = /^(?<sign>-?)(?<whole>\d+)(?:\.(?<part>\d+))?(?:[eE](?<power>[+-]?\d+))?$/.exec(text)?.groups ?? {};
  const digits = (whole + part).replace(/^0+/, "");
  const bare = digits.replace(/0+$/, "");
  if (bare === "") return ["0", 0];
  return [`${sign}${bare}e${Number(power) - part.length + digits.length - bare.length}`, bare.length];
}
