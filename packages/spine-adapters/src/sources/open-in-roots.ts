import { constants } from "node:fs";
import { type FileHandle, open, realpath, stat } from "node:fs/promises";
import { isAbsolute, relative, resolve, sep } from "node:path";
import { SourceError, SpineError } from "spine-core";

/** What tells one state of a file from another. */
export interface FileState {
  /** Bytes. */
  readonly size: number;
  /** Milliseconds since 1970, with fractions. */
  readonly mtimeMs: number;
}

export interface OpenedFile {
  readonly handle: FileHandle;
  readonly state: FileState;
}

/**
 * Opens a regular file for reading, after every symbolic link in its path was followed and what came out lies in
 * one of the roots. The caller closes the handle.
 *
 * Errors: PERMISSION_DENIED, SOURCE_NOT_FOUND, SOURCE_NOT_A_FILE, SOURCE_UNAVAILABLE (retryable).
 */
export async function openInRoots(path: string, roots: readonly string[]): Promise<OpenedFile> {
  const real = await resolveInRoots(path, roots);
  try {
    const before = await stat(real);
    if (!before.isFile()) throw notAFile(path);
    // NOFOLLOW and the second look defend against a link put in place since the path was resolved; NONBLOCK
    // against hanging on a pipe put there.
    const handle = await open(
      real,
      constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0),
    );
    try {
      const opened = await handle.stat();
      if (!opened.isFile()) throw notAFile(path);
      const [again, now] = await Promise.all([realpath(real), stat(real)]);
      if (again !== real || now.dev !== opened.dev || now.ino !== opened.ino) {
        throw new SourceError("The file was exchanged while it was opened.", { code: "SOURCE_CHANGED" });
      }
      return { handle, state: { size: opened.size, mtimeMs: opened.mtimeMs } };
    } catch (error) {
      await handle.close();
      throw error;
    }
  } catch (error) {
    throw asSourceError(error, path);
  }
}

async function resolveInRoots(path: string, roots: readonly string[]): Promise<string> {
  if (typeof path !== "string" || path === "" || path.includes("\0")) throw denied(path);
  const realRoots = await Promise.all(roots.map((root) => realpath(root).catch(() => resolve(root))));
  const absolute = resolve(roots[0] ?? ".", path);
  let real: string;
  try {
    real = await realpath(absolute);
  } catch (error) {
    // Outside the roots one does not even learn whether a file exists.
    const everyRoot = [...realRoots, ...roots.map((root) => resolve(root))];
    throw everyRoot.some((root) => lies(absolute, root)) ? asSourceError(error, path) : denied(path);
  }
  if (!realRoots.some((root) => lies(real, root))) throw denied(path);
  return real;
}

function lies(path: string, root: string): boolean {
  const way = relative(root, path);
  return way !== "" && way !== ".." && !way.startsWith(`..${sep}`) && !isAbsolute(way);
}

/** A file system's error in Spine's words; anything else is returned as it is. */
export function asSourceError(error: unknown, path: string): unknown {
  if (SpineError.is(error) || !(error instanceof Error) || !("syscall" in error && "code" in error))
    return error;
  switch (error.code) {
    case "ENOENT":
    case "ENOTDIR":
    case "ENAMETOOLONG":
      return new SourceError(`There is no file ${JSON.stringify(path)}.`, {
        code: "SOURCE_NOT_FOUND",
        cause: error,
      });
    case "EISDIR":
      return notAFile(path);
    case "EACCES":
    case "EPERM":
    case "ELOOP":
      return denied(path, error);
    default:
      return new SpineError("SOURCE_UNAVAILABLE", `The file could not be read: ${error.message}.`, {
        cause: error,
      });
  }
}

function notAFile(path: string): SourceError {
  return new SourceError(`${JSON.stringify(path)} is not a regular file.`, { code: "SOURCE_NOT_A_FILE" });
}

function denied(path: string, cause?: unknown): SpineError {
  return new SpineError(
    "PERMISSION_DENIED",
    `${JSON.stringify(path)} may not be read: it lies outside the folders of its source, or the system refuses it.`,
    cause === undefined ? {} : { cause },
  );
}
