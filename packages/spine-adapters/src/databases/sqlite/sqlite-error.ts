import { SpineError } from "spine-core";

/** What node:sqlite throws when SQLite itself refused something. */
interface NodeSqliteError extends Error {
  readonly code: "ERR_SQLITE_ERROR";
  /** SQLite's extended result code. */
  readonly errcode: number;
  readonly errstr: string;
}

function isSqliteError(error: unknown): error is NodeSqliteError {
  return error instanceof Error && (error as { code?: unknown }).code === "ERR_SQLITE_ERROR";
}

/** SQLite's result code without its extension; undefined for other errors. */
function primaryCode(error: unknown): number | undefined {
  return isSqliteError(error) ? error.errcode & 0xff : undefined;
}

/** True when another connection holds the lock that was needed: the same statement may succeed soon. */
export function isBusy(error: unknown): boolean {
  const code = primaryCode(error);
  return code === 5 || code === 6;
}

/** True when somebody wrote since the transaction began to read: it can write no more, however long it waits. */
export function isStaleSnapshot(error: unknown): boolean {
  return isSqliteError(error) && error.errcode === 517;
}

/** True when a row with the same unique key exists. */
export function isUniqueViolation(error: unknown): boolean {
  return isSqliteError(error) && (error.errcode === 2067 || error.errcode === 1555);
}

/** An error of a statement as a SpineError that says what to do. Errors that are not SQLite's stay as they are. */
export function toSpineError(error: unknown, path: string): unknown {
  if (!isSqliteError(error)) return error;
  const context = { path };
  const detail = { sqlite_code: error.errcode, sqlite_message: error.message };
  const options = { context, detail, cause: error };
  switch (primaryCode(error)) {
    case 5:
    case 6:
      return new SpineError(
        "DATABASE_BUSY",
        `Another process kept the database ${path} locked. If a tool has it open in a transaction, end that.`,
        options,
      );
    case 8:
      return new SpineError(
        "DATABASE_UNAVAILABLE",
        `The database ${path} cannot be written. Check the permissions of the file and of its directory.`,
        { ...options, retryable: false },
      );
    case 10:
      return new SpineError(
        "DATABASE_UNAVAILABLE",
        `Reading or writing ${path} failed (${error.errstr}). Check the disk.`,
        options,
      );
    case 11:
      return new SpineError(
        "DATABASE_FAILED",
        `The database ${path} is damaged (${error.message}). Restore it from a backup.`,
        options,
      );
    case 13:
      return new SpineError(
        "DATABASE_FULL",
        `There is no room left to write to ${path}. Free disk space; what was committed is safe.`,
        options,
      );
    case 14:
      return new SpineError(
        "DATABASE_UNAVAILABLE",
        `The database ${path} cannot be opened. Check that its directory exists and may be written.`,
        { ...options, retryable: false },
      );
    case 26:
      return new SpineError(
        "CONFIG_INVALID",
        `${path} exists and is no SQLite database. Check the path; Spine does not overwrite other files.`,
        options,
      );
    default:
      return new SpineError("DATABASE_FAILED", `SQLite refused a statement: ${error.message}.`, options);
  }
}
