import { SourceError } from "spine-core";
import type { DelimitedRecord } from "./delimited-faults.ts";

const COMMON_DELIMITERS = [",", "|", "\t", ";"];

export interface HeaderRules {
  /** Names that are expected, in their order; null when any are. */
  readonly expected: readonly string[] | null;
  readonly delimiter: string;
}

/**
 * Refuses a header that rows could not be read by: names missing, unexpected, out of order, twice, or not usable
 * as a key (SOURCE_HEADER), or split at another delimiter (SOURCE_DELIMITER).
 */
export function checkHeader(header: DelimitedRecord, rules: HeaderRules): void {
  const found = header.fields;
  const raw = header.raw();
  const { expected, delimiter } = rules;
  const other = COMMON_DELIMITERS.find(
    (candidate) =>
      candidate !== delimiter &&
      (expected === null
        ? found.length === 1 && raw.includes(candidate)
        : expected.length > 1 && equal(raw.replaceAll('"', "").split(candidate), expected)),
  );
  if (other !== undefined && !(expected !== null && equal(found, expected))) {
    throw new SourceError(
      `The fields are separated by ${JSON.stringify(other)}, not by ${JSON.stringify(delimiter)}.`,
      { code: "SOURCE_DELIMITER", context: { line: 1 } },
    );
  }
  if (header.malformed) refuse("The quotes in the header make no sense.");
  if (raw.includes("\r")) refuse("The header holds a bare CR; lines have to end in LF or CRLF.");
  if (expected !== null && !equal(found, expected)) refuse(difference(found, expected));
  const twice = found.find((name, index) => found.indexOf(name) !== index);
  if (twice !== undefined) refuse(`The column ${JSON.stringify(twice)} stands in the header twice.`);
  if (found.includes("__proto__")) refuse('A column cannot be called "__proto__".');

  function refuse(message: string): never {
    throw new SourceError(message, { code: "SOURCE_HEADER", detail: { found, expected } });
  }
}

/** In what two headers differ, as a sentence. */
export function difference(found: readonly string[], expected: readonly string[]): string {
  const missing = expected.filter((name) => !found.includes(name));
  const unexpected = found.filter((name) => !expected.includes(name));
  const parts = [
    ...(missing.length > 0 ? [`missing ${list(missing)}`] : []),
    ...(unexpected.length > 0 ? [`unexpected ${list(unexpected)}`] : []),
  ];
  if (parts.length > 0) return `The header is not the expected one: ${parts.join("; ")}.`;
  const at = found.findIndex((name, index) => name !== expected[index]);
  const [is, should] = [JSON.stringify(found[at]), JSON.stringify(expected[at] ?? "nothing")];
  return `The header has the expected columns in another order: column ${at + 1} is ${is} instead of ${should}.`;
}

function list(names: readonly string[]): string {
  const shown = names.slice(0, 10).map((name) => JSON.stringify(name.slice(0, 60)));
  return shown.join(", ") + (names.length > shown.length ? ` and ${names.length - shown.length} more` : "");
}

function equal(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((item, index) => item === b[index]);
}
