import {
  CompiledQuery,
  type DatabaseConnection,
  type DatabaseIntrospector,
  type Dialect,
  type DialectAdapter,
  type Driver,
  Kysely,
  type QueryCompiler,
  type QueryResult,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from "kysely";
import { type AnySchema, SpineError } from "spine-core";
import { refuseTransactionEnd } from "../transaction-end.ts";
import { bindable } from "./bindable.ts";
import type { SqliteConnection, SqlResult, SqlValue } from "./sqlite-connection.ts";
import { toSpineError } from "./sqlite-error.ts";
import type { SqlitePool } from "./sqlite-pool.ts";
import type { WriteLease } from "./write-lease.ts";

/** The query builder on a pool: SELECTs read beside the writer, everything else waits for its turn to write. */
export function kyselyOn(pool: SqlitePool): Kysely<AnySchema> {
  return new Kysely({ dialect: new PoolDialect(new PoolDriver(pool)) });
}

/** The query builder inside an open transaction. */
export function kyselyIn(lease: WriteLease, path: string): Kysely<AnySchema> {
  return new Kysely({ dialect: new PoolDialect(new LeaseDriver(lease, path)) });
}

/** The query builder on a connection of one's own. */
export function kyselyOnConnection(connection: SqliteConnection, path: string): Kysely<AnySchema> {
  return new Kysely({ dialect: new PoolDialect(new ConnectionDriver(connection, path)) });
}

class PoolDialect implements Dialect {
  readonly #driver: Driver;

  constructor(driver: Driver) {
    this.#driver = driver;
  }

  createDriver(): Driver {
    return this.#driver;
  }

  createQueryCompiler(): QueryCompiler {
    return new SqliteQueryCompiler();
  }

  createAdapter(): DialectAdapter {
    return new PoolAdapter();
  }

  createIntrospector(kysely: Kysely<AnySchema>): DatabaseIntrospector {
    return new SqliteIntrospector(kysely);
  }
}

class PoolAdapter extends SqliteAdapter {
  // With `false` Kysely itself would let one query in at a time, and readers would wait for a transaction.
  override get supportsMultipleConnections(): boolean {
    return true;
  }

  override get supportsTransactionalDdl(): boolean {
    return true;
  }
}

type Execute = (
  sql: string,
  values: readonly SqlValue[],
  query: CompiledQuery["query"],
) => Promise<SqlResult>;

class QueryConnection implements DatabaseConnection {
  /** The transaction that Kysely has begun on this connection. */
  lease: WriteLease | undefined;
  readonly #execute: Execute;
  readonly #path: string;

  constructor(execute: Execute, path: string, lease?: WriteLease) {
    this.#execute = execute;
    this.#path = path;
    this.lease = lease;
  }

  async executeQuery<R>({ sql, parameters, query }: CompiledQuery): Promise<QueryResult<R>> {
    const values = parameters.map(bindable);
    const result = await this.#result(sql, values, query);
    if (result.rows.length > 0) return { rows: result.rows as unknown as R[] };
    return {
      rows: [],
      numAffectedRows: BigInt(result.changes),
      insertId: BigInt(result.lastInsertRowid),
    };
  }

  streamQuery<R>(): AsyncIterableIterator<QueryResult<R>> {
    throw new SpineError(
      "DATABASE_UNSUPPORTED",
      "The SQLite adapter does not stream queries. Read in pages: `where key > last`, `orderBy key`, `limit n`.",
    );
  }

  async #result(sql: string, values: readonly SqlValue[], query: CompiledQuery["query"]): Promise<SqlResult> {
    if (!this.lease) return await this.#execute(sql, values, query);
    refuseTransactionEnd(sql, false);
    try {
      return this.lease.connection.query(sql, values);
    } catch (error) {
      throw toSpineError(error, this.#path);
    }
  }
}

/** Savepoints, for both drivers. */
class Savepoints {
  async savepoint(connection: DatabaseConnection, name: string): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw(`SAVEPOINT ${quoted(name)}`));
  }

  async rollbackToSavepoint(connection: DatabaseConnection, name: string): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw(`ROLLBACK TO ${quoted(name)}`));
  }

  async releaseSavepoint(connection: DatabaseConnection, name: string): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw(`RELEASE ${quoted(name)}`));
  }

  async init(): Promise<void> {}

  async releaseConnection(): Promise<void> {}

  // The pool is closed by its owner, not through a query builder.
  async destroy(): Promise<void> {}
}

class PoolDriver extends Savepoints implements Driver {
  readonly #pool: SqlitePool;

  constructor(pool: SqlitePool) {
    super();
    this.#pool = pool;
  }

  async acquireConnection(): Promise<QueryConnection> {
    const pool = this.#pool;
    return new QueryConnection(
      (sql, values, query) =>
        isRead(sql, query)
          ? pool.read((connection) => connection.query(sql, values))
          : pool.alone((connection) => connection.query(sql, values)),
      pool.path,
    );
  }

  async beginTransaction(connection: QueryConnection): Promise<void> {
    connection.lease = await this.#pool.beginLimited();
  }

  async commitTransaction(connection: QueryConnection): Promise<void> {
    connection.lease?.commit();
    connection.lease = undefined;
  }

  async rollbackTransaction(connection: QueryConnection): Promise<void> {
    connection.lease?.rollback();
    connection.lease = undefined;
  }
}

class LeaseDriver extends Savepoints implements Driver {
  readonly #connection: QueryConnection;

  constructor(lease: WriteLease, path: string) {
    super();
    const never: Execute = () => Promise.reject(new Error("unreachable: the connection has a lease"));
    this.#connection = new QueryConnection(never, path, lease);
  }

  async acquireConnection(): Promise<DatabaseConnection> {
    return this.#connection;
  }

  async beginTransaction(): Promise<void> {
    throw new SpineError("TRANSACTION_INVALID", "This query builder is inside a transaction already.");
  }

  async commitTransaction(): Promise<void> {}

  async rollbackTransaction(): Promise<void> {}
}

class ConnectionDriver extends Savepoints implements Driver {
  readonly #connection: QueryConnection;

  constructor(connection: SqliteConnection, path: string) {
    super();
    const execute: Execute = async (sql, values) => {
      try {
        return connection.query(sql, values);
      } catch (error) {
        throw toSpineError(error, path);
      }
    };
    this.#connection = new QueryConnection(execute, path);
  }

  async acquireConnection(): Promise<DatabaseConnection> {
    return this.#connection;
  }

  async beginTransaction(): Promise<void> {
    throw new SpineError(
      "TRANSACTION_INVALID",
      "What asks about datasets only reads: it has no transactions.",
    );
  }

  async commitTransaction(): Promise<void> {}

  async rollbackTransaction(): Promise<void> {}
}

function isRead(sql: string, query: CompiledQuery["query"]): boolean {
  if (query.kind === "SelectQueryNode") return true;
  return query.kind === "RawNode" && /^\s*(?:select|explain|values)\b/i.test(sql);
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
