import { type JsonValue, SourceError } from "spine-core";
import type { StoredKeys } from "./key-sample.ts";
import type { Place } from "./pagers.ts";

/** Where reading stands after a page. A type, not an interface, because it has to be JSON. */
export type HttpCursor = {
  /** What was asked. */
  readonly question: string;
  /** The place of the next answer; left out at the end. */
  readonly next?: Place;
  /** Answers that were read to their end. */
  readonly answers: number;
  /** Rows and rejects in them. */
  readonly received: number;
  /** How many there are in all, where the other side says it. */
  readonly total: number | null;
  /** Of the next answer, what was delivered already: it is read again, has to be the same, and is left out. */
  readonly part?: BodyPart;
  readonly keys?: StoredKeys;
};

export type BodyPart = {
  readonly records: number;
  /** The first bytes of the body, unpacked, … */
  readonly bytes: number;
  /** … and their SHA-256. */
  readonly hash: string;
};

function startOf(question: string, first: Place): HttpCursor {
  return { question, next: first, answers: 0, received: 0, total: null };
}

/** The cursor of the last page that was stored. SOURCE_CHANGED for one of another question, or of another kind of source. */
export function readCursor(cursor: JsonValue | null | undefined, question: string, first: Place): HttpCursor {
  if (cursor === null || cursor === undefined) return startOf(question, first);
  if (!isHttpCursor(cursor)) throw sourceChanged("The cursor is not one of an HTTP source.");
  if (cursor.question !== question) {
    throw sourceChanged("The request is not the one whose first pages were read.");
  }
  return cursor;
}

/** What was read so far does not go with what comes now: it has to be read from its start, which the engine does. */
export function sourceChanged(message: string, detail?: unknown): SourceError {
  return new SourceError(message, { code: "SOURCE_CHANGED", retryable: true, detail });
}

function isHttpCursor(value: JsonValue): value is HttpCursor {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const { question, answers, received, total } = value as Partial<HttpCursor>;
  return (
    typeof question === "string" &&
    Number.isSafeInteger(answers) &&
    Number.isSafeInteger(received) &&
    (total === null || Number.isSafeInteger(total))
  );
}
