import { type Database, type Env, SpineError } from "spine-core";
import { maskPassword } from "./mask-password.ts";
import type { PostgresOptions } from "./postgres/postgres-options.ts";
import { postgresUrlFault } from "./postgres/postgres-url.ts";
import { postgres } from "./postgres.ts";
import { sqlite } from "./sqlite.ts";

const SERVER_VARIABLES = ["HOST", "PORT", "NAME", "USER", "PASSWORD"].map((name) => `SPINE_DB_${name}`);

/**
 * The database that the environment names. `SPINE_DB_URL` goes first: `sqlite:spine.db`, `sqlite:///var/lib/spine.db`,
 * `sqlite::memory:`, the plain path of a file that ends in `.db`, `.sqlite` or `.sqlite3`, or
 * `postgres://user:password@host:port/database`. Without it, `SPINE_DB_HOST`, `_PORT`, `_NAME`, `_USER` and `_PASSWORD`
 * name a Postgres database. `SPINE_DB_SCHEMA` is the schema of Spine's own tables on a server.
 *
 * @throws SpineError CONFIG_INVALID or DATABASE_UNSUPPORTED that names the variable. Passwords are masked.
 * @example
 * const spine = await createSpine({ database: databaseFromEnv() });
 */
export function databaseFromEnv(env: Env = process.env): Database {
  const url = env.SPINE_DB_URL?.trim();
  if (url) return fromUrl(url, env);
  if (SERVER_VARIABLES.some((name) => env[name])) return postgres(serverOptions(env));
  throw new SpineError(
    "CONFIG_INVALID",
    "No database is configured. Set SPINE_DB_URL, e.g. SPINE_DB_URL=sqlite:spine.db or SPINE_DB_URL=postgres://user:password@host:5432/database; or SPINE_DB_HOST, _PORT, _NAME, _USER, _PASSWORD for a Postgres server.",
  );
}

function fromUrl(url: string, env: Env): Database {
  if (/^db2:/i.test(url)) {
    throw new SpineError(
      "DATABASE_UNSUPPORTED",
      `SPINE_DB_URL is "${maskPassword(url)}", and this version of Spine has SQLite and Postgres only. Use e.g. SPINE_DB_URL=sqlite:spine.db.`,
    );
  }
  if (/^postgres(?:ql)?:\/\//i.test(url)) {
    const fault = postgresUrlFault(url);
    if (fault === null) return postgres({ url, ...schemaOf(env) });
    throw new SpineError(
      "CONFIG_INVALID",
      `SPINE_DB_URL is "${maskPassword(url)}", ${fault}. Use postgres://user:password@host:port/database.`,
    );
  }
  const sqliteUrl = /^sqlite:(?:\/\/(?=\/|:))?(.*)$/i.exec(url);
  if (sqliteUrl && url.includes("?")) {
    // It would be a part of the file's name, and a password in it would stand in a directory.
    throw new SpineError(
      "CONFIG_INVALID",
      `SPINE_DB_URL is "${url.replace(/\?.*$/s, "?***")}", and a SQLite database takes neither a password nor settings in its URL. Use the path alone, e.g. SPINE_DB_URL=sqlite:spine.db (a question mark that belongs to it is written %3F).`,
    );
  }
  if (sqliteUrl?.[1] && !sqliteUrl[1].startsWith("//")) return sqlite(decodePath(sqliteUrl[1]));
  if (url === ":memory:" || /^[^:]*\.(?:db|sqlite3?)$/i.test(url)) return sqlite(url);
  if (/^[a-z]:[\\/].*\.(?:db|sqlite3?)$/i.test(url)) return sqlite(url);
  throw new SpineError(
    "CONFIG_INVALID",
    `SPINE_DB_URL is "${maskPassword(url)}", which names no database. Use sqlite:path, sqlite:///absolute/path, sqlite::memory:, the path of a .db file, or postgres://user:password@host:port/database.`,
  );
}

function serverOptions(env: Env): PostgresOptions {
  const {
    SPINE_DB_HOST: host,
    SPINE_DB_NAME: database,
    SPINE_DB_USER: user,
    SPINE_DB_PASSWORD: password,
  } = env;
  if (!host || !database) {
    const missing = host ? "SPINE_DB_NAME" : "SPINE_DB_HOST";
    throw new SpineError(
      "CONFIG_INVALID",
      `${missing} is not set, and other variables name a Postgres server. Set it, or SPINE_DB_URL instead.`,
    );
  }
  const port = Number(env.SPINE_DB_PORT ?? "5432");
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    throw new SpineError(
      "CONFIG_INVALID",
      `SPINE_DB_PORT is "${env.SPINE_DB_PORT}"; use a number from 1 to 65535.`,
    );
  }
  const account = { ...(user ? { user } : {}), ...(password ? { password } : {}) };
  return { host, port, database, ...account, ...schemaOf(env) };
}

function schemaOf({ SPINE_DB_SCHEMA: schema }: Env): { readonly schema?: string } {
  return schema ? { schema } : {};
}

function decodePath(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    // A percent sign that is meant as one.
    return path;
  }
}
