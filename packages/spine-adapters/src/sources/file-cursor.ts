import { type JsonValue, SourceError } from "spine-core";
import type { FileState } from "./open-in-roots.ts";

/** Where reading stands after a page. A type, not an interface, because it has to be JSON. */
export type FileCursor = {
  /** Rows and rejects delivered so far. */
  readonly records: number;
  /** Line of the last one. */
  readonly line: number;
  /** Bytes in the whole file. */
  readonly size: number;
  readonly mtimeMs: number;
};

/**
 * How many records of a file were delivered before, by the cursor of the last stored page. SOURCE_CHANGED when
 * the file is not the one that the cursor was made of.
 */
export function recordsBefore(cursor: JsonValue | null | undefined, state: FileState): number {
  if (cursor === null || cursor === undefined) return 0;
  if (!isFileCursor(cursor)) {
    throw new SourceError("The cursor is not one of a file source.", { code: "SOURCE_CHANGED" });
  }
  if (cursor.size !== state.size || cursor.mtimeMs !== state.mtimeMs) {
    throw new SourceError("The file changed since its first pages were read.", {
      code: "SOURCE_CHANGED",
      detail: { before: { size: cursor.size, mtimeMs: cursor.mtimeMs }, now: { ...state } },
    });
  }
  return cursor.records;
}

function isFileCursor(value: JsonValue): value is FileCursor {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const { records, line, size, mtimeMs } = value as Partial<FileCursor>;
  return (
    Number.isSafeInteger(records) &&
    Number.isSafeInteger(line) &&
    Number.isSafeInteger(size) &&
    Number.isFinite(mtimeMs)
  );
}
