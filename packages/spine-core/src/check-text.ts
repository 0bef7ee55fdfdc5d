import { type ErrorCode, ValidationError } from "./errors.ts";

/**
 * A text as it is, when every database can hold it as a name or a key: well-formed, without NUL characters, not too long for
 * an index.
 *
 * @param what names it in the error, e.g. `The key of a run`.
 * @throws ValidationError that does not repeat the text.
 */
export function checkText(
  value: unknown,
  what: string,
  maxLength: number,
  code: ErrorCode = "VALIDATION_FAILED",
): string {
  const why = textFault(value, maxLength);
  if (why === null) return value as string;
  throw new ValidationError(`${what} ${why}.`, { code, detail: { what, reason: why } });
}

/** Why databases cannot hold it as a name or a key; null when they can. */
export function textFault(value: unknown, maxLength: number): string | null {
  if (typeof value !== "string")
    return `is no text but ${value === null ? "null" : `of type ${typeof value}`}`;
  if (value.length > maxLength) return `has ${value.length} characters, the limit is ${maxLength}`;
  if (value.includes("\0")) return "holds a NUL character";
  return value.isWellFormed() ? null : "holds half of a surrogate pair (it is not valid Unicode)";
}
