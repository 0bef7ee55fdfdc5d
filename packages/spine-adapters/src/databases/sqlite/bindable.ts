import { ValidationError } from "spine-core";
import type { SqlValue } from "./sqlite-connection.ts";

/** A parameter as SQLite takes it: booleans are 0 and 1, dates are ISO text. */
export function bindable(value: unknown): SqlValue {
  switch (typeof value) {
    case "string":
    case "bigint":
      return value;
    case "number":
      if (!Number.isNaN(value)) return value;
      break;
    case "boolean":
      return value ? 1 : 0;
    case "undefined":
      return null;
    case "object":
      if (value === null || value instanceof Uint8Array) return value;
      if (value instanceof Date) return value.toISOString();
      break;
  }
  const what =
    typeof value === "object" ? "an object" : typeof value === "number" ? "NaN" : `a ${typeof value}`;
  throw new ValidationError(
    `A query parameter is ${what}, which SQLite cannot hold. Encode it, e.g. with JSON.stringify.`,
    { code: "PAYLOAD_INVALID" },
  );
}
