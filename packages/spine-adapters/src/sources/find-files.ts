import { createHash } from "node:crypto";
import type { Dirent } from "node:fs";
import { lstat, readdir, realpath, stat } from "node:fs/promises";
import { isAbsolute, join, relative, resolve } from "node:path";
import { SourceError } from "spine-core";
import { isPattern, segmentMatcher } from "./glob-pattern.ts";
import { asSourceError, denied, type FileState, lies, notAFile, stateOf } from "./open-in-roots.ts";

/** A file that a pattern matches. */
export interface FoundFile {
  /** From the root that was searched, with `/` between folders. */
  readonly name: string;
  readonly path: string;
  readonly state: FileState;
}

const MAX_FILES = 100_000;

/**
 * The files in the roots that a pattern matches, in the order of their names' code units. A `**` stands for any folders, hidden
 * ones and links not among them. What matches and is no regular file, or leads out of the roots by a link, is an error, not left
 * out: nobody would miss it.
 *
 * Errors: SOURCE_NOT_FOUND when nothing matches, PERMISSION_DENIED, SOURCE_NOT_A_FILE, SOURCE_TOO_LARGE, SOURCE_UNAVAILABLE.
 */
export async function findFiles(
  pattern: string,
  roots: readonly string[],
  signal: AbortSignal | undefined,
): Promise<readonly FoundFile[]> {
  const { root, segments } = await partsOf(pattern, roots);
  const realRoots = await Promise.all(roots.map((each) => realpath(each).catch(() => resolve(each))));
  const search = { pattern, realRoots, signal, found: new Map<string, FoundFile>() };
  try {
    await walk(search, root, segments, "");
  } catch (error) {
    throw asSourceError(error, pattern);
  }
  const files = [...search.found.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  if (files.length > 0) return files;
  throw new SourceError(`No file matches ${JSON.stringify(pattern)}.`, { code: "SOURCE_NOT_FOUND" });
}

/** Tells one state of all files from another. */
export function fingerprintOf(files: readonly FoundFile[]): string {
  const hash = createHash("sha256");
  for (const { name, state } of files)
    hash.update(`${JSON.stringify(name)}${state.size} ${state.mtimeMs} ${state.ino}\n`);
  return hash.digest("hex").slice(0, 32);
}

interface Search {
  readonly pattern: string;
  readonly realRoots: readonly string[];
  readonly signal: AbortSignal | undefined;
  readonly found: Map<string, FoundFile>;
}

/** The folder that is searched, and what is looked for in it. */
async function partsOf(
  pattern: string,
  roots: readonly string[],
): Promise<{ readonly root: string; readonly segments: readonly string[] }> {
  if (typeof pattern !== "string" || pattern === "" || pattern.includes("\0")) throw denied(pattern);
  let root = roots[0] ?? ".";
  let rest = pattern;
  if (isAbsolute(pattern)) {
    const holding = roots.find((each) => lies(pattern, resolve(each)));
    if (holding === undefined) throw denied(pattern);
    root = holding;
    rest = relative(resolve(holding), pattern);
  }
  const segments = rest.split("/").filter((segment) => segment !== "" && segment !== ".");
  if (segments.length === 0 || segments.includes("..")) throw denied(pattern);
  try {
    return { root: await realpath(root), segments };
  } catch (error) {
    throw asSourceError(error, root);
  }
}

async function walk(
  search: Search,
  folder: string,
  segments: readonly string[],
  prefix: string,
): Promise<void> {
  search.signal?.throwIfAborted();
  const [segment = "", ...rest] = segments;
  if (segment === "**") {
    if (rest.length > 0) await walk(search, folder, rest, prefix);
    for (const entry of await entriesOf(folder)) {
      if (entry.name.startsWith(".")) continue;
      if (entry.isDirectory())
        await walk(search, join(folder, entry.name), segments, `${prefix}${entry.name}/`);
      else if (rest.length === 0) await take(search, join(folder, entry.name), prefix + entry.name);
    }
    return;
  }
  const matches = segmentMatcher(segment);
  const names = isPattern(segment)
    ? (await entriesOf(folder)).map(({ name }) => name).filter(matches)
    : (await exists(join(folder, segment)))
      ? [segment]
      : [];
  for (const name of names) {
    const path = join(folder, name);
    if (rest.length === 0) await take(search, path, prefix + name);
    else if (await isFolder(search, path)) await walk(search, path, rest, `${prefix}${name}/`);
  }
}

async function entriesOf(folder: string): Promise<Dirent[]> {
  return await readdir(folder, { withFileTypes: true });
}

async function exists(path: string): Promise<boolean> {
  return await lstat(path).then(
    () => true,
    (error: { code?: unknown }) => {
      if (["ENOENT", "ENOTDIR", "ENAMETOOLONG"].includes(String(error.code))) return false;
      throw error;
    },
  );
}

/** Where a link leads is looked at first: outside of the roots one does not even learn what stands there. */
async function real(search: Search, path: string): Promise<string> {
  const target = await realpath(path).catch((error: { code?: unknown }) => {
    // A link to nowhere, perhaps out of the roots.
    throw error.code === "ENOENT" ? denied(search.pattern, error) : error;
  });
  if (search.realRoots.some((root) => target === root || lies(target, root))) return target;
  throw denied(search.pattern);
}

async function isFolder(search: Search, path: string): Promise<boolean> {
  return (await stat(await real(search, path))).isDirectory();
}

async function take(search: Search, path: string, name: string): Promise<void> {
  const stats = await stat(await real(search, path), { bigint: true });
  if (stats.isDirectory()) return;
  if (!stats.isFile()) throw notAFile(name);
  if (search.found.size >= MAX_FILES) {
    throw new SourceError(`More than ${MAX_FILES} files match.`, { code: "SOURCE_TOO_LARGE" });
  }
  search.found.set(name, { name, path, state: stateOf(stats) });
}
