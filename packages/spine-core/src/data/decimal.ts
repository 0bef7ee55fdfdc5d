import { ValidationError } from "../errors.ts";

const DECIMAL = /^([+-])?(\d+)(?:\.(\d+))?$/;

/**
 * A decimal number as text in its shortest form (`"120000.500000"` → `"120000.5"`), exact at any size.
 * Quantities stay text from the source to the wire: a float would lose digits.
 *
 * @throws ValidationError when the text is no plain decimal number.
 */
export function decimal(text: string): string {
  const { negative, digits, fraction } = parse(text);
  const tail = fraction.replace(/0+$/, "");
  const head = digits.replace(/^0+(?=\d)/, "");
  const magnitude = tail === "" ? head : `${head}.${tail}`;
  return negative && magnitude !== "0" ? `-${magnitude}` : magnitude;
}

/**
 * The decimal as a whole number of units of 10^-scale: `toUnits("120000.5", 6)` is `120000500000n`.
 *
 * @throws ValidationError when it has more decimal places than `scale`.
 */
export function toUnits(text: string, scale: number): bigint {
  const { negative, digits, fraction } = parse(text);
  const places = fraction.replace(/0+$/, "");
  if (places.length > scale) {
    throw new ValidationError(`"${text}" has ${places.length} decimal places, at most ${scale} are kept.`);
  }
  const units = BigInt(digits + places.padEnd(scale, "0"));
  return negative ? -units : units;
}

/** The inverse of {@link toUnits}, in shortest form. */
export function fromUnits(units: bigint, scale: number): string {
  const magnitude = (units < 0n ? -units : units).toString().padStart(scale + 1, "0");
  const cut = magnitude.length - scale;
  return decimal(
    `${units < 0n ? "-" : ""}${magnitude.slice(0, cut)}${scale === 0 ? "" : `.${magnitude.slice(cut)}`}`,
  );
}

function parse(text: string): { negative: boolean; digits: string; fraction: string } {
  const match = DECIMAL.exec(text);
  if (!match) throw new ValidationError(`"${text}" is not a decimal number.`);
  return { negative: match[1] === "-", digits: match[2] ?? "0", fraction: match[3] ?? "" };
}
