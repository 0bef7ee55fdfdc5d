import { CompiledQuery, type Kysely } from "kysely";
import { type AnySchema, type Dialect, SpineError } from "spine-core";

/** A row by the names of its columns; what the columns hold depends on the driver, so they are asked for as texts. */
export type CallerRow = Readonly<Record<string, unknown>>;

/** A connection of the host's own, whatever it is made of. */
export interface CallerConnection {
  /** Null where it is none that Spine knows. */
  readonly dialect: Dialect | null;
  /** Executes one statement; what is thrown is the driver's. */
  readonly execute: (sql: string, values: readonly CallerValue[]) => Promise<readonly CallerRow[]>;
}

export type CallerValue = string | number | bigint | null | Uint8Array | boolean;

/** Recognises a connection by its shape. @throws SpineError TRANSACTION_INVALID for what is none. */
export function callerConnection(given: unknown): CallerConnection {
  if (isKysely(given)) return onKysely(given);
  if (has(given, "kysely") && isKysely(given.kysely)) return onKysely(given.kysely);
  if (hasMethod(given, "prepare") && hasMethod(given, "exec")) return onSqlite(given);
  if (hasMethod(given, "query")) {
    if (!has(given, "totalCount")) return onPg(connectedClient(given));
    throw new SpineError(
      "TRANSACTION_INVALID",
      "The `transaction` is a pool of `pg`, each of whose statements may go to another connection. Give the client on which you said BEGIN: `const client = await pool.connect()`.",
    );
  }
  throw new SpineError(
    "TRANSACTION_INVALID",
    `The \`transaction\` is ${nameOf(given)}. Give a Kysely transaction, a client of \`pg\`, a DatabaseSync of \`node:sqlite\`, or the transaction that \`database.transaction\` hands to its work.`,
  );
}

function onKysely(given: Kysely<AnySchema>): CallerConnection {
  // Plugins may rename columns.
  const kysely = given.withoutPlugins();
  return {
    dialect: dialectOf(kysely),
    execute: async (sql, values) =>
      (await kysely.executeQuery<CallerRow>(CompiledQuery.raw(sql, [...values]))).rows,
  };
}

/** By the SQL that it would send: dialects come from many packages, and a statement of another one would undo the transaction. */
function dialectOf(kysely: Kysely<AnySchema>): Dialect | null {
  const { sql } = kysely.selectFrom("t").select("c").where("c", "=", 1).compile();
  if (!sql.includes('"t"')) return null;
  if (sql.includes("$1")) return "postgres";
  return sql.includes("?") ? "sqlite" : null;
}

type Statement = Readonly<Record<"all", (...values: CallerValue[]) => CallerRow[]>>;

function onSqlite(database: { prepare: (sql: string) => unknown }): CallerConnection {
  return {
    dialect: "sqlite",
    async execute(sql, values) {
      const statement = database.prepare(sql) as Statement;
      // Whatever the connection was opened with: rows are objects here.
      if (hasMethod(statement, "setReturnArrays")) statement.setReturnArrays(false);
      return statement.all(...values);
    },
  };
}

/** Values as the server sends them: the host's parsers are for his own queries. */
const AS_TEXT = { getTypeParser: () => (value: unknown) => String(value) };

function onPg(client: { query: (config: unknown) => unknown }): CallerConnection {
  return {
    dialect: "postgres",
    async execute(text, values) {
      const result = await client.query({ text, values: [...values], types: AS_TEXT });
      return has(result, "rows") && Array.isArray(result.rows) ? (result.rows as readonly CallerRow[]) : [];
    },
  };
}

/** One of `pg` that was never connected keeps what it is asked until it is: for ever, if nobody does that. */
function connectedClient<T extends object>(client: T): T {
  const isNew = has(client, "_connected") && client._connected === false;
  if (!isNew || (has(client, "_connecting") && client._connecting === true)) return client;
  if (has(client, "_ended") && client._ended === true) return client;
  throw new SpineError(
    "TRANSACTION_INVALID",
    "The `transaction` is a client of `pg` that is not connected. Connect it (`await client.connect()`) and say BEGIN on it first.",
  );
}

function isKysely(given: unknown): given is Kysely<AnySchema> {
  return hasMethod(given, "withoutPlugins") && hasMethod(given, "executeQuery");
}

function has<K extends string>(given: unknown, name: K): given is Readonly<Record<K, unknown>> {
  return typeof given === "object" && given !== null && name in given;
}

function hasMethod<K extends string>(
  given: unknown,
  name: K,
): given is Readonly<Record<K, (argument: unknown) => unknown>> {
  return has(given, name) && typeof given[name] === "function";
}

function nameOf(given: unknown): string {
  if (typeof given !== "object" || given === null) return given === null ? "null" : `a ${typeof given}`;
  return `an object of another kind (${given.constructor?.name ?? "without a class"})`;
}
