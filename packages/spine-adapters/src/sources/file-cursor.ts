import { type JsonValue, SourceError } from "spine-core";
import type { FileState } from "./open-in-roots.ts";

/** Where reading stands after a page. A type, not an interface, because it has to be JSON. */
export type FileCursor = Omit<FileState, "ctimeMs"> & {
  /** Cursors of earlier versions have none. */
  readonly ctimeMs?: number;
  /** Rows and rejects of the file that were delivered so far. */
  readonly records: number;
  /** Line of the last one. */
  readonly line: number;
  /** Where several files are read: the one that the page is of, all of them, and the header that they share. */
  readonly among?: FileAmong;
};

/** One of several files. */
export type FileAmong = {
  readonly file: string;
  /** Over the names and states of all. */
  readonly files: string;
  readonly header: string | null;
};

/** The cursor of the last stored page; null where there is none. SOURCE_CHANGED for anything else than a cursor of this kind. */
export function readCursor(cursor: JsonValue | null | undefined, kind: "file" | "files"): FileCursor | null {
  if (cursor === null || cursor === undefined) return null;
  if (isFileCursor(cursor) && (cursor.among === undefined) === (kind === "file")) return cursor;
  throw new SourceError("The cursor is not one of a file source, or of another request.", {
    code: "SOURCE_CHANGED",
  });
}

/** SOURCE_CHANGED when the file is not the one that the cursor was made of. */
export function checkSameFile(cursor: Pick<FileCursor, keyof FileState>, state: FileState): void {
  const { size, mtimeMs, ctimeMs = state.ctimeMs, ino } = cursor;
  if (size === state.size && mtimeMs === state.mtimeMs && ctimeMs === state.ctimeMs && ino === state.ino)
    return;
  throw new SourceError("The file changed since it was looked at.", {
    code: "SOURCE_CHANGED",
    detail: { before: { size, mtimeMs, ino }, now: { ...state } },
  });
}

function isFileCursor(value: JsonValue): value is FileCursor {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const { records, line, size, mtimeMs, ino, among } = value as Partial<FileCursor>;
  return (
    [records, line, size].every((count) => Number.isSafeInteger(count) && (count as number) >= 0) &&
    Number.isFinite(mtimeMs) &&
    typeof ino === "string" &&
    (among === undefined || (typeof among === "object" && among !== null && typeof among.file === "string"))
  );
}
