import { type Reject, SourceError } from "spine-core";
import { storableText } from "./storable-text.ts";

/** A record of a delimited file with what is known of it. */
export interface DelimitedRecord {
  readonly fields: string[];
  /** 1-based line at which it begins. */
  readonly line: number;
  /** True when its quotes make no sense. */
  readonly malformed: boolean;
  /** True for the last record of a file that does not end in a line end. */
  readonly open: boolean;
  /** The record as it stands in the file. */
  raw(): string;
}

/** Why a record cannot be a row; null when it can. */
export function rejectOf(record: DelimitedRecord, columns: readonly string[]): Reject | null {
  const { fields, line } = record;
  const reject = (code: string, message: string): Reject => ({
    code,
    message,
    line,
    raw: storableText(record.raw()),
  });
  if (record.malformed) {
    const lines = record.raw().split("\n").length;
    const where = lines === 1 ? "" : ` The field goes on to line ${line + lines - 1}.`;
    return reject("MALFORMED_QUOTES", `A quoted field goes on after its closing quote.${where}`);
  }
  if (fields.length !== columns.length) {
    return reject("RAGGED_ROW", `Expected ${columns.length} fields, found ${fields.length}.`);
  }
  if (fields.some((field) => field.includes("\0"))) {
    return reject("NUL_CHARACTER", "A field holds a NUL character, which databases cannot store.");
  }
  const [first = ""] = fields;
  // A file that was joined to another brings its byte order mark along.
  const named = first.startsWith("\uFEFF") ? first.slice(1) : first;
  if (fields.every((field, index) => (index === 0 ? named : field) === columns[index])) {
    return reject("REPEATED_HEADER", "The record is the header again; files may have been joined.");
  }
  if (columns.length > 1 && columns.includes(named) && isReordered([named, ...fields.slice(1)], columns)) {
    throw new SourceError(
      `In line ${line} the header comes again with its columns in another order: what follows would be read wrongly.`,
      { code: "SOURCE_HEADER", context: { line }, detail: { found: fields, expected: columns } },
    );
  }
  return null;
}

function isReordered(fields: readonly string[], columns: readonly string[]): boolean {
  const sorted = columns.toSorted();
  return fields.toSorted().every((field, index) => field === sorted[index]);
}

/** The file ends inside a quoted field. */
export function unclosedQuote(line: number, malformed: boolean): SourceError {
  return malformed
    ? new SourceError(`The quotes in line ${line} make no sense: a field goes on after its closing quote.`, {
        code: "SOURCE_MALFORMED",
        context: { line },
      })
    : cutOff(line, "a quoted field is not closed");
}

/** The file's last record is not whole. */
export function cutOff(line: number, why: string): SourceError {
  return new SourceError(`The file is cut off in line ${line}: ${why}.`, {
    code: "SOURCE_TRUNCATED",
    context: { line },
  });
}

/** A trailer and the number of records that it announces. */
export interface Trailer {
  readonly line: number;
  /** NaN where it is no whole number. */
  readonly count: number;
}

/** Compares a trailer with the number of records before it. SOURCE_TRAILER when they differ or there is none. */
export function checkTrailer(trailer: Trailer | null, records: number): void {
  if (trailer === null) {
    throw new SourceError(`The trailer with the number of records is missing after ${records} records.`, {
      code: "SOURCE_TRAILER",
      detail: { found: records },
    });
  }
  const { line, count } = trailer;
  if (count === records) return;
  const announced = Number.isNaN(count) ? "no whole number of" : String(count);
  throw new SourceError(`The trailer announces ${announced} records, the file has ${records}.`, {
    code: "SOURCE_TRAILER",
    context: { line },
    detail: { announced: Number.isNaN(count) ? null : count, found: records },
  });
}
