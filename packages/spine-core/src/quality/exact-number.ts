const NUMBER = /^([+-])?(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d{1,3}))?$/;

/** A number as whole `units` of 10^-scale: what a decimal text says, with no digit lost. */
export interface ExactNumber {
  readonly units: bigint;
  /** Digits after the point, from 0. */
  readonly scale: number;
}

/**
 * Reads a number or a decimal text exactly; undefined for what is neither (NaN, infinities, other text).
 * The exponent form is read because JavaScript itself prints small and large numbers so (`1e-7`).
 */
export function exactNumber(value: unknown): ExactNumber | undefined {
  if (typeof value === "number" && Number.isSafeInteger(value)) return { units: BigInt(value), scale: 0 };
  if (typeof value === "bigint") return { units: value, scale: 0 };
  if (typeof value !== "number" && typeof value !== "string") return undefined;
  const match = NUMBER.exec(String(value));
  if (!match) return undefined;
  const fraction = match[3] ?? "";
  const scale = fraction.length - Number(match[4] ?? 0);
  const digits = BigInt(`${match[2] ?? "0"}${fraction}`) * 10n ** BigInt(Math.max(-scale, 0));
  return { units: match[1] === "-" ? -digits : digits, scale: Math.max(scale, 0) };
}

/** Negative when `a` is the smaller one, 0 when they are equal in value (`1.5` and `1.50` are). */
export function compareExact(a: ExactNumber, b: ExactNumber): number {
  const difference = addExact(a, { units: -b.units, scale: b.scale }).units;
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}

export function addExact(a: ExactNumber, b: ExactNumber): ExactNumber {
  const scale = Math.max(a.scale, b.scale);
  return { units: unitsAt(a, scale) + unitsAt(b, scale), scale };
}

function unitsAt(value: ExactNumber, scale: number): bigint {
  return value.scale === scale ? value.units : value.units * 10n ** BigInt(scale - value.scale);
}

const ZERO = 48;
const NINE = 57;
const POINT = 46;

/**
 * The nearest float of a plain decimal text (`-12.50`); NaN for any other text, though it may be a number too. Several times as
 * fast as reading it exactly.
 */
export function plainNumber(text: string): number {
  let points = 0;
  const from = text.charCodeAt(0) === 45 ? 1 : 0;
  const end = text.length - 1;
  if (end < from) return Number.NaN;
  for (let at = from; at <= end; at++) {
    const code = text.charCodeAt(at);
    if (code >= ZERO && code <= NINE) continue;
    if (code !== POINT || points > 0 || at === from || at === end) return Number.NaN;
    points += 1;
  }
  return Number(text);
}
