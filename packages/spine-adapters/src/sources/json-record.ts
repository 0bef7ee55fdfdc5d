import { encodeJson, type JsonValue, type Reject, type Row, SpineError } from "spine-core";
import type { PageBuilder } from "./page-builder.ts";
import { storableText } from "./storable-text.ts";

const LIMITS = { maxLength: Number.POSITIVE_INFINITY, maxDepth: 64 };
const DOUBTFUL_ESCAPE = /\\u(?:0000|d[89a-f])/i;

/** Whether a JSON text may hold text that no database stores: NUL, or half of a surrogate pair. */
export function mayHoldUnstorable(json: string): boolean {
  return DOUBTFUL_ESCAPE.test(json);
}

/**
 * Hands a parsed record to the page: as a row when it is an object that can be stored, else as the reject
 * INVALID_JSON.
 *
 * @param line line or number of the record, from 1
 * @param raw the record's text, for the reject
 * @param doubtful what {@link mayHoldUnstorable} says
 */
export function addJsonRecord(
  pages: PageBuilder,
  value: JsonValue,
  line: number,
  raw: () => string,
  doubtful: boolean,
): void {
  const why = objection(value, doubtful);
  if (why === null) pages.row(value as Row, line);
  else pages.reject(invalidJson(why, raw(), line), line);
}

/** The reject of a record that is no JSON object. */
export function invalidJson(message: string, raw: string, line: number): Reject {
  return { code: "INVALID_JSON", message, line, raw: storableText(raw) };
}

function objection(value: JsonValue, doubtful: boolean): string | null {
  if (typeof value !== "object" || value === null)
    return `Expected an object, found ${JSON.stringify(value)?.slice(0, 60)}.`;
  if (Array.isArray(value)) return "Expected an object, found an array.";
  if (isDeeperThan(value, LIMITS.maxDepth)) return `Nested deeper than ${LIMITS.maxDepth} levels.`;
  if (!doubtful) return null;
  try {
    encodeJson(value, "the record", LIMITS);
    return null;
  } catch (error) {
    return SpineError.from(error).message;
  }
}

function isDeeperThan(value: object, depth: number): boolean {
  if (depth === 0) return true;
  for (const member of Object.values(value)) {
    if (typeof member === "object" && member !== null && isDeeperThan(member, depth - 1)) return true;
  }
  return false;
}
