import { type BigIntStats, constants } from "node:fs";
import { type FileHandle, open, readlink, realpath, stat } from "node:fs/promises";
import { isAbsolute, relative, resolve, sep } from "node:path";
import { SourceError, SpineError } from "spine-core";

/** What tells one state of a file from another. A type, not an interface, because cursors hold it. */
export type FileState = {
  /** Bytes. */
  readonly size: number;
  /** Milliseconds since 1970, with fractions. */
  readonly mtimeMs: number;
  /** When anything of it changed last, its times included: whoever sets `mtimeMs` back cannot set this. */
  readonly ctimeMs: number;
  /** The file's number in its file system: another file of the same size and time has another one. */
  readonly ino: string;
};

export interface OpenedFile {
  readonly handle: FileHandle;
  readonly state: FileState;
  /** Throws SOURCE_CHANGED when the file is not what it was when it was opened. */
  checkUnchanged(): Promise<void>;
}

/** What a file is, by what the system says of it. */
export function stateOf({ size, mtimeNs, ctimeNs, ino }: BigIntStats): FileState {
  return {
    size: Number(size),
    mtimeMs: Number(mtimeNs) / 1e6,
    ctimeMs: Number(ctimeNs) / 1e6,
    ino: String(ino),
  };
}

/**
 * Opens a regular file for reading, after every symbolic link in its path was followed and what came out lies in
 * one of the roots. The caller closes the handle.
 *
 * Errors: PERMISSION_DENIED, SOURCE_NOT_FOUND, SOURCE_NOT_A_FILE, SOURCE_CHANGED, SOURCE_UNAVAILABLE (retryable).
 */
export async function openInRoots(path: string, roots: readonly string[]): Promise<OpenedFile> {
  try {
    const { real, realRoots } = await resolveInRoots(path, roots);
    const before = await stat(real);
    if (!before.isFile()) throw notAFile(path);
    // NOFOLLOW and the second look defend against a link put in place since the path was resolved; NONBLOCK
    // against hanging on a pipe put there.
    const handle = await open(
      real,
      constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0),
    );
    try {
      const opened = await handle.stat({ bigint: true });
      if (!opened.isFile()) throw notAFile(path);
      await checkWhere(handle, real, realRoots, opened);
      return { handle, state: stateOf(opened), checkUnchanged: () => checkUnchanged(handle, opened) };
    } catch (error) {
      await handle.close();
      throw error;
    }
  } catch (error) {
    throw asSourceError(error, path);
  }
}

/** Refuses an open file that is another one than the path was resolved to: a folder may have become a link meanwhile. */
async function checkWhere(
  handle: FileHandle,
  real: string,
  realRoots: readonly string[],
  opened: BigIntStats,
): Promise<void> {
  const exchanged = () =>
    new SourceError("The file was exchanged while it was opened.", { code: "SOURCE_CHANGED" });
  // The kernel knows what is open, however often links were put in place and removed.
  const open = await readlink(`/proc/self/fd/${handle.fd}`).catch(() => null);
  if (open !== null && !realRoots.some((root) => lies(open, root))) throw exchanged();
  const [again, now] = await Promise.all([realpath(real), stat(real, { bigint: true })]);
  if (again !== real || now.dev !== opened.dev || now.ino !== opened.ino) throw exchanged();
}

/**
 * A write changes the time of change even where the size stays and the time of modification is set back. So does a new
 * name or another owner, which change nothing of what is read.
 */
async function checkUnchanged(handle: FileHandle, opened: BigIntStats): Promise<void> {
  const now = await handle.stat({ bigint: true });
  const described = (one: BigIntStats) => [one.nlink, one.mode, one.uid, one.gid].join();
  const touched = now.ctimeNs !== opened.ctimeNs && described(now) === described(opened);
  if (now.size !== opened.size || now.mtimeNs !== opened.mtimeNs || touched) {
    throw changedWhileRead(Number(opened.size), Number(now.size));
  }
}

/** The file is not any more what it was when it was opened. */
export function changedWhileRead(before: number, size: number): SourceError {
  const how = size === before ? "" : ` (from ${before} to ${size} bytes)`;
  return new SourceError(`The file changed while it was read${how}.`, { code: "SOURCE_CHANGED" });
}

/** Where a path leads to once every link is followed, and the roots likewise. PERMISSION_DENIED outside of them. */
async function resolveInRoots(
  path: string,
  roots: readonly string[],
): Promise<{ readonly real: string; readonly realRoots: readonly string[] }> {
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
  return { real, realRoots };
}

/** Whether a path lies below a folder. */
export function lies(path: string, root: string): boolean {
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

/** Something else than a regular file stands there. */
export function notAFile(path: string): SourceError {
  return new SourceError(`${JSON.stringify(path)} is not a regular file.`, { code: "SOURCE_NOT_A_FILE" });
}

/** The path may not be read. */
export function denied(path: string, cause?: unknown): SpineError {
  return new SpineError(
    "PERMISSION_DENIED",
    `${JSON.stringify(path)} may not be read: it lies outside the folders of its source, or the system refuses it.`,
    cause === undefined ? {} : { cause },
  );
}
