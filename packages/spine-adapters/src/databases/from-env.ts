import { type Database, type Env, SpineError } from "spine-core";
import { sqlite } from "./sqlite.ts";

const SERVER_VARIABLES = ["HOST", "PORT", "NAME", "USER", "PASSWORD", "SCHEMA"].map(
  (name) => `SPINE_DB_${name}`,
);

/**
 * The database that the environment names: `SPINE_DB_URL=sqlite:spine.db`, `sqlite:///var/lib/spine.db`,
 * `sqlite::memory:`, or the plain path of a file that ends in `.db`, `.sqlite` or `.sqlite3`.
 *
 * @throws SpineError CONFIG_INVALID or DATABASE_UNSUPPORTED that names the variable. Passwords are masked.
 * @example
 * const spine = await createSpine({ database: databaseFromEnv() });
 */
export function databaseFromEnv(env: Env = process.env): Database {
  const url = env.SPINE_DB_URL?.trim();
  if (url) return fromUrl(url);
  const given = SERVER_VARIABLES.filter((name) => env[name]);
  if (given.length > 0) {
    throw new SpineError(
      "DATABASE_UNSUPPORTED",
      `${given.join(", ")} name${given.length === 1 ? "s" : ""} a database server, and this version of Spine has only SQLite. Set SPINE_DB_URL=sqlite:spine.db instead.`,
    );
  }
  throw new SpineError(
    "CONFIG_INVALID",
    "No database is configured. Set SPINE_DB_URL, e.g. SPINE_DB_URL=sqlite:spine.db (later also SPINE_DB_HOST, _PORT, _NAME, _USER, _PASSWORD, _SCHEMA for a server).",
  );
}

function fromUrl(url: string): Database {
  if (/^(?:postgres|postgresql|db2):/i.test(url)) {
    throw new SpineError(
      "DATABASE_UNSUPPORTED",
      `SPINE_DB_URL is "${masked(url)}", and this version of Spine has only SQLite. Use e.g. SPINE_DB_URL=sqlite:spine.db.`,
    );
  }
  const sqliteUrl = /^sqlite:(?:\/\/(?=\/|:))?(.*)$/i.exec(url);
  if (sqliteUrl?.[1] && !sqliteUrl[1].startsWith("//")) return sqlite(decodePath(sqliteUrl[1]));
  if (url === ":memory:" || /^[^:]*\.(?:db|sqlite3?)$/i.test(url)) return sqlite(url);
  if (/^[a-z]:[\\/].*\.(?:db|sqlite3?)$/i.test(url)) return sqlite(url);
  throw new SpineError(
    "CONFIG_INVALID",
    `SPINE_DB_URL is "${masked(url)}", which names no database. Use sqlite:path, sqlite:///absolute/path, sqlite::memory:, or the path of a .db file.`,
  );
}

function decodePath(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    // A percent sign that is meant as one.
    return path;
  }
}

/** The URL without its password: all between the user's colon and the last @, and passwords in its query. */
function masked(url: string): string {
  return url
    .replace(/^([a-z0-9+.-]+:\/\/)?([^:]*):.*@/i, "$1$2:***@")
    .replace(/((?:password|pwd|passwd)=)[^&;]*/gi, "$1***");
}
