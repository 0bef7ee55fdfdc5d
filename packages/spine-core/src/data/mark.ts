import { type Duration, toMs } from "../duration.ts";
import { SourceError, SpineError } from "../errors.ts";

/** What a field can be followed by: numbers, decimals as text, dates and times as ISO text. */
export type MarkValue = string | number;

/**
 * How the values of a field compare:
 *
 * - `number`: numbers, and decimals as text (`"120000.5"`), exactly and at any size: `"9"` < `10` < `"10.5"`;
 * - `date`: `YYYY-MM-DD`;
 * - `time`: ISO times with a zone, as points of time with all their digits: `…T10:00:00+01:00` = `…T09:00:00Z`;
 * - `local`: ISO times without a zone;
 * - `text`: by code points, only where it is asked for.
 */
export type MarkKind = "number" | "date" | "time" | "local" | "text";

/** A value with its place among those of its kind: `position` compares as text, by code points. */
export interface Mark {
  readonly kind: MarkKind;
  readonly value: MarkValue;
  readonly position: string;
}

const DECIMAL = /^([+-])?(\d+)(?:\.(\d+))?$/;
const EXPONENT = /^(-?)(\d)(?:\.(\d+))?e([+-]\d+)$/;
const DATE = /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])$/;
const TIME = /^(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2})(?::(\d{2})(?:\.(\d+))?)?(Z|[+-]\d{2}(?::?\d{2})?)?$/;
const LETTER: Readonly<Record<MarkKind, string>> = {
  number: "n",
  date: "d",
  time: "t",
  local: "l",
  text: "s",
};
/** Digits before the point that a position can tell. */
const MOST_DIGITS = 9_999;
const DAY_MS = 86_400_000;

/** A value as a mark; undefined when it is none of what compares. @param asText compare by code points. */
export function markOf(value: unknown, asText = false): Mark | undefined {
  if (asText) {
    return typeof value === "string" && value !== "" ? markAt("text", value, value) : undefined;
  }
  if (typeof value === "number") {
    return Number.isFinite(value) ? numberMark(value, plainDecimal(value)) : undefined;
  }
  if (typeof value !== "string") return undefined;
  if (DECIMAL.test(value)) return numberMark(value, value);
  if (DATE.test(value)) return isDay(value) ? markAt("date", value, value) : undefined;
  return timeMark(value);
}

/**
 * The mark moved back by a lag: a number or decimal for numbers, a duration for dates and times (dates go back by whole days,
 * rounded up).
 *
 * @throws SpineError CONFIG_INVALID for a lag that does not fit the values.
 */
export function before(mark: Mark, lag: Lag): Mark {
  const moved = movedBack(mark, lag);
  if (moved) return moved;
  throw new SpineError(
    "CONFIG_INVALID",
    `The lag ${JSON.stringify(lag)} cannot be taken from ${JSON.stringify(mark.value)}. Use a number for a field of numbers, and a duration such as "2h" for dates and times.`,
  );
}

/** How far a mark is moved back: a number or decimal text, or a duration. */
export type Lag = number | string;

/** A mark that has to be one. @throws SpineError CONFIG_INVALID */
export function checkMark(value: unknown, asText: boolean, what: string): Mark {
  const mark = markOf(value, asText);
  if (mark) return mark;
  throw new SpineError(
    "CONFIG_INVALID",
    `${what} is ${JSON.stringify(value) ?? String(value)}, which has no place among numbers, dates or times. Use a number, a decimal, YYYY-MM-DD or an ISO time; for other texts set \`order: "text"\`.`,
  );
}

/** Refuses to compare what does not compare. @throws SourceError */
export function checkSameKind(known: Mark, other: Mark, what: string): void {
  if (known.kind === other.kind) return;
  throw new SourceError(
    `${what} is a ${other.kind}, and the mark ${JSON.stringify(known.value)} is a ${known.kind}: they do not compare. Reset the cursor (spine.cursors.reset) if the field has changed.`,
    { code: "SOURCE_FORMAT" },
  );
}

function markAt(kind: MarkKind, value: MarkValue, position: string): Mark {
  return { kind, value, position: `${LETTER[kind]}${position}` };
}

function numberMark(value: MarkValue, decimal: string): Mark | undefined {
  const position = decimalPosition(decimal);
  return position === null ? undefined : markAt("number", value, position);
}

/** `1e21` → its digits. */
function plainDecimal(value: number): string {
  const text = String(value);
  const match = EXPONENT.exec(text);
  if (!match) return text;
  const [, sign = "", head = "", tail = "", exponent = "0"] = match;
  const digits = head + tail;
  const point = 1 + Number(exponent);
  if (point <= 0) return `${sign}0.${"0".repeat(-point)}${digits}`;
  return `${sign}${digits.padEnd(point, "0").slice(0, point)}.${digits.slice(point) || "0"}`;
}

/**
 * A decimal as text that sorts as the numbers do: the count of digits before the point, then these, then those behind it. Of
 * negative ones every digit is its complement, and `~` ends them: the longer is the smaller.
 */
function decimalPosition(text: string): string | null {
  const [, sign, whole = "0", behind = ""] = DECIMAL.exec(text) ?? [];
  const head = whole.replace(/^0+(?=\d)/, "");
  const tail = behind.replace(/0+$/, "");
  if (head.length > MOST_DIGITS) return null;
  const digits = `${String(head.length).padStart(4, "0")}${head}${tail}`;
  const isZero = head === "0" && tail === "";
  if (sign !== "-" || isZero) return `1${digits}`;
  return `0${digits.replace(/\d/g, (digit) => String(9 - Number(digit)))}~`;
}

function isDay(text: string): boolean {
  const ms = Date.parse(`${text}T00:00:00Z`);
  return !Number.isNaN(ms) && new Date(ms).toISOString().startsWith(text);
}

function timeMark(value: string): Mark | undefined {
  const match = TIME.exec(value);
  if (!match) return undefined;
  const [, day = "", minute = "", second = "00", fraction = "", zone] = match;
  const digits = fraction.replace(/0+$/, "");
  const isLocal = zone === undefined;
  const ms = Date.parse(`${day}T${minute}:${second}${isLocal ? "Z" : isoZone(zone)}`);
  if (Number.isNaN(ms) || !isDay(day)) return undefined;
  // Without its fraction, which may have more digits than a Date keeps.
  const whole = new Date(ms).toISOString().slice(0, 19);
  if (!/^\d{4}-/.test(whole)) return undefined;
  return markAt(isLocal ? "local" : "time", value, digits === "" ? whole : `${whole}.${digits}`);
}

/** `+01` and `+0100` → `+01:00`. */
function isoZone(zone: string): string {
  if (zone === "Z") return zone;
  const digits = zone.slice(1).replace(":", "").padEnd(4, "0");
  return `${zone[0]}${digits.slice(0, 2)}:${digits.slice(2)}`;
}

function movedBack({ kind, value, position }: Mark, lag: Lag): Mark | undefined {
  switch (kind) {
    case "number":
      return numberBack(value, lag);
    case "date": {
      const days = Math.ceil(toMs(lag as Duration) / DAY_MS);
      const back = new Date(Date.parse(`${value}T00:00:00Z`) - days * DAY_MS).toISOString().slice(0, 10);
      return markOf(back);
    }
    case "time":
    case "local": {
      const [whole = "", digits = ""] = position.slice(1).split(".");
      // A lag of parts of a millisecond is rounded up; what is behind the milliseconds stays.
      const kept = digits.padEnd(3, "0");
      const ms = Date.parse(`${whole}.${kept.slice(0, 3)}Z`) - Math.ceil(toMs(lag as Duration));
      const zone = kind === "time" ? "Z" : "";
      return markOf(`${new Date(ms).toISOString().slice(0, -1)}${kept.slice(3)}${zone}`);
    }
    case "text":
      return undefined;
  }
}

function numberBack(value: MarkValue, lag: Lag): Mark | undefined {
  const [from, by] = [value, lag].map((each) => (typeof each === "number" ? plainDecimal(each) : each));
  if (from === undefined || by === undefined || !DECIMAL.test(from) || !DECIMAL.test(by)) return undefined;
  const scale = Math.max(...[from, by].map((text) => text.split(".")[1]?.length ?? 0));
  const units = (text: string) => {
    const [whole = "", behind = ""] = text.split(".");
    return BigInt(`${whole}${behind.padEnd(scale, "0")}`.replace(/^\+/, ""));
  };
  const left = units(from) - units(by);
  const digits = (left < 0n ? -left : left).toString().padStart(scale + 1, "0");
  const text = `${left < 0n ? "-" : ""}${digits.slice(0, digits.length - scale)}${scale > 0 ? `.${digits.slice(-scale)}` : ""}`;
  return markOf(typeof value === "number" && String(Number(text)) === text ? Number(text) : text);
}
