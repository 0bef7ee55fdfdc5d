/** A value as a refusal repeats it: texts in quotes, lists and objects by their kind. Short, and never throws. */
export function shown(value: unknown): string {
  switch (typeof value) {
    case "string":
      return `"${value.slice(0, LONGEST)}${value.length > LONGEST ? "…" : ""}"`;
    case "number":
    case "boolean":
    case "undefined":
      return String(value);
    case "bigint":
      return `${value}n`;
    case "object":
      if (value === null) return "null";
      if (Array.isArray(value)) return "a list";
      if (!(value instanceof Date)) return "an object";
      return Number.isNaN(value.getTime()) ? "an invalid Date" : value.toISOString();
    default:
      return `a ${typeof value}`;
  }
}

const LONGEST = 120;
