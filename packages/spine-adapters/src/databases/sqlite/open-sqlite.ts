import { realpathSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { SpineError } from "spine-core";
import { retryWhileBusy } from "./retry-while-busy.ts";
import { SqliteConnection } from "./sqlite-connection.ts";
import { toSpineError } from "./sqlite-error.ts";

/**
 * What survives: `full` survives a loss of power (an fsync per commit); `process` survives the death of the
 * process, and may lose the newest commits (never the consistency) with the machine.
 */
export type Durability = "full" | "process";

export const MEMORY = ":memory:";

/** Pages in the write-ahead log (16 MiB) from which on it goes into the database's file. */
const LOG_PAGES = 4_000;

/**
 * What a reader keeps of the file. SQLite's own 2 MiB hold less than the pages that a few lists of runs lie on: each page
 * of the file would be copied from the system again and again.
 */
const READER_CACHE_KIB = 32 * 1_024;

interface OpenOptions {
  readonly durability: Durability;
}

/** Opens the connection that writes, creating the file where there is none. */
export async function openWriter(path: string, { durability }: OpenOptions): Promise<SqliteConnection> {
  checkPath(path);
  const connection = open(path);
  try {
    // Switching to WAL needs the file for itself for a moment: two processes may start at once.
    const mode = await retryWhileBusy(
      () => connection.get<{ journal_mode: string }>("PRAGMA journal_mode = WAL")?.journal_mode,
      path,
    );
    if (path !== MEMORY && mode !== "wal") {
      throw new SpineError(
        "CONFIG_INVALID",
        `SQLite cannot use its write-ahead log for ${path} (a network drive?). Put the database on a local disk.`,
        { context: { path } },
      );
    }
    connection.script(`PRAGMA synchronous = ${durability === "full" ? "FULL" : "NORMAL"}`);
    connection.script("PRAGMA foreign_keys = OFF; PRAGMA temp_store = MEMORY");
    // The same few pages are written again and again: the longer the log, the less of it goes into the file.
    connection.script(`PRAGMA wal_autocheckpoint = ${LOG_PAGES}`);
    return connection;
  } catch (error) {
    connection.close();
    throw toSpineError(error, path);
  }
}

/** Opens a connection that only reads, beside the one that writes. */
export function openReader(path: string): SqliteConnection {
  const connection = open(path);
  connection.script(
    `PRAGMA query_only = ON; PRAGMA temp_store = MEMORY; PRAGMA cache_size = ${-READER_CACHE_KIB}`,
  );
  return connection;
}

/** The file's one name, whatever links lead to it; call once it exists. */
export function canonicalPath(path: string): string {
  return realpathSync(path);
}

function open(path: string): SqliteConnection {
  try {
    // Waiting is done outside SQLite: its own waiting would stop the event loop.
    return new SqliteConnection(new DatabaseSync(path, { timeout: 0, enableForeignKeyConstraints: false }));
  } catch (error) {
    throw toSpineError(error, path);
  }
}

/** SQLite says "unable to open database file" to all of these. */
function checkPath(path: string): void {
  if (path === MEMORY) return;
  const refuse = (why: string): never => {
    throw new SpineError("CONFIG_INVALID", why, { context: { path } });
  };
  if (path.trim() === "") refuse('The path of the SQLite database is empty. Give a file, or ":memory:".');
  if (/^file:/i.test(path)) refuse(`"${path}" is a URI. Give the plain path of the SQLite database.`);
  if (path.includes("\0")) refuse("The path of the SQLite database contains a NUL character.");
  if (isDirectory(path))
    refuse(`${path} is a directory. Give the path of a file in it, e.g. ${path}/spine.db.`);
  const directory = dirname(resolve(path));
  if (!isDirectory(directory)) {
    refuse(
      `There is no directory ${directory} for the SQLite database ${path}. Create it, or correct the path.`,
    );
  }
}

function isDirectory(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}
