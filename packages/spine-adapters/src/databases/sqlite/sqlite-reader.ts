import { existsSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import {
  type DatabaseReader,
  type JsonValue,
  type ReaderOptions,
  type ReaderQuery,
  type ReaderRows,
  type ReaderTable,
  SourceError,
  SpineError,
} from "spine-core";
import { bindable } from "./bindable.ts";
import { MEMORY } from "./open-sqlite.ts";
import { retryWhileBusy } from "./retry-while-busy.ts";
import { SqliteConnection, type SqlValue } from "./sqlite-connection.ts";
import { toSpineError } from "./sqlite-error.ts";
import type { SqlitePool } from "./sqlite-pool.ts";

/**
 * Opens a connection of its own that cannot write. A database in memory has one connection only, which its reader shares: it
 * has no snapshots. Statements cannot be ended: SQLite works in the thread that asks.
 */
export async function openSqliteReader(
  pool: SqlitePool,
  { snapshot }: ReaderOptions,
): Promise<DatabaseReader> {
  const { path } = pool;
  if (path === MEMORY) {
    if (snapshot) {
      throw new SpineError(
        "DATABASE_UNSUPPORTED",
        "A database in memory cannot be read as of one moment. Give the source a `key` and leave `consistent` out, or use a file.",
      );
    }
    return reader(
      path,
      (work) => pool.read(work),
      async () => {},
    );
  }
  if (!existsSync(path)) {
    throw new SourceError(`There is no SQLite database ${path}. Check the path.`, {
      code: "SOURCE_NOT_FOUND",
      context: { path },
    });
  }
  let connection: SqliteConnection;
  try {
    connection = new SqliteConnection(new DatabaseSync(path, { readOnly: true, timeout: 0 }));
    if (snapshot) connection.run("BEGIN");
  } catch (error) {
    throw readError(error, path);
  }
  const read = <T>(work: (at: SqliteConnection) => T) => retryWhileBusy(() => work(connection), path);
  return reader(path, read, async () => connection.close(), snapshot ? connection : undefined);
}

type Read = <T>(work: (connection: SqliteConnection) => T) => Promise<T>;

function reader(
  path: string,
  read: Read,
  close: () => Promise<void>,
  snapshot?: SqliteConnection,
): DatabaseReader {
  const reading: Read = async (work) => {
    try {
      return await read(work);
    } catch (error) {
      throw readError(error, path);
    }
  };
  return {
    table: (schema, name) => reading((connection) => tableOf(connection, schema, name)),
    async query({ sql, values, keys }, signal) {
      signal?.throwIfAborted();
      const bound = values.map(bindable);
      const found = await reading((connection) => connection.page(sql, bound));
      signal?.throwIfAborted();
      return pageOf(found, keys);
    },
    async *stream({ sql, values, keys }: ReaderQuery, rows, signal) {
      if (!snapshot) throw new SpineError("INTERNAL", "Rows are streamed from a snapshot only.");
      try {
        for (const found of snapshot.pages(sql, values.map(bindable), rows)) {
          signal?.throwIfAborted();
          yield pageOf(found, keys);
        }
      } catch (error) {
        throw readError(error, path);
      }
    },
    keyColumn: (column) => column,
    bind: bindKey,
    close,
  };
}

/** What SQLite read of a query. */
interface Found {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly SqlValue[])[];
}

function pageOf({ columns, rows }: Found, keys: number): ReaderRows {
  const end = columns.length - keys;
  return {
    columns: columns.slice(0, end),
    rows: rows.map((row) => row.slice(0, end).map(exact)),
    keys: rows.map((row) => row.slice(end).map(keyOf)),
  };
}

/** Whole numbers beyond 2^53, infinities and bytes are text: decimal digits, their names, base64. */
function exact(value: SqlValue): JsonValue {
  if (typeof value === "bigint") {
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value.toString();
  }
  if (typeof value === "number") return Number.isFinite(value) ? value : String(value);
  return value instanceof Uint8Array ? Buffer.from(value).toString("base64") : value;
}

function keyOf(value: SqlValue): JsonValue {
  const json = exact(value);
  if (typeof json === "string" && typeof value !== "string") {
    return value instanceof Uint8Array ? { base64: json } : { number: json };
  }
  return json;
}

function bindKey(key: JsonValue): unknown {
  if (typeof key !== "object" || key === null) return key;
  const { base64, number } = key as { readonly base64?: string; readonly number?: string };
  if (base64 !== undefined) return Buffer.from(base64, "base64");
  const text = number ?? "";
  return /^-?\d+$/.test(text) ? BigInt(text) : Number(text);
}

function tableOf(connection: SqliteConnection, schema: string | null, name: string): ReaderTable | undefined {
  const columns = connection.all<{ name: string; notnull: number; pk: number }>(
    `SELECT name, "notnull", pk FROM pragma_table_xinfo(?, ?) WHERE hidden <> 1 ORDER BY cid`,
    name,
    schema ?? "main",
  );
  if (columns.length === 0) return undefined;
  const keys = columns.filter(({ pk }) => pk > 0).sort((a, b) => a.pk - b.pk);
  return {
    columns: columns.map(({ name: column, notnull }) => ({ name: column, nullable: notnull === 0 })),
    primaryKey: keys.map(({ name: column }) => column),
  };
}

function readError(error: unknown, path: string): unknown {
  const known = toSpineError(error, path);
  if (!SpineError.is(known)) return known;
  const options = { context: { path }, cause: error };
  const message = error instanceof Error ? error.message : "";
  if (message.startsWith("no such table")) {
    return new SourceError(`${path}: ${message}.`, { code: "SOURCE_NOT_FOUND", ...options });
  }
  if (known.code === "DATABASE_FAILED" && !/malformed/.test(message)) {
    return new SourceError(`${path}: SQLite refused the query: ${message}.`, {
      code: "SOURCE_FORMAT",
      ...options,
    });
  }
  if (known.code === "CONFIG_INVALID")
    return new SourceError(known.message, { code: "SOURCE_FORMAT", ...options });
  return new SpineError("SOURCE_UNAVAILABLE", known.message, { ...options, retryable: known.retryable });
}
