import {
  CompiledQuery,
  type DatabaseConnection,
  type DatabaseIntrospector,
  type Dialect,
  type DialectAdapter,
  type Driver,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type QueryCompiler,
  type QueryResult,
  type TransactionSettings,
} from "kysely";
import type { PoolClient } from "pg";
import { type AnySchema, SpineError } from "spine-core";
import { Mutex } from "../mutex.ts";
import { refuseTransactionEnd } from "../transaction-end.ts";
import { asDriverError, isConnectionLost, sqlState, toSpineError } from "./postgres-error.ts";
import type { PostgresPools } from "./postgres-pools.ts";
import type { TransactionLease } from "./transaction-lease.ts";

/** The query builder on a pool's connections. */
export function kyselyOn(pools: PostgresPools): Kysely<AnySchema> {
  return new Kysely({ dialect: new PgDialect(new PoolDriver(pools)) });
}

/** The query builder inside an open transaction. */
export function kyselyIn(lease: TransactionLease, pools: PostgresPools): Kysely<AnySchema> {
  return new Kysely({ dialect: new PgDialect(new LeaseDriver(lease, pools)) });
}

class PgDialect implements Dialect {
  readonly #driver: Driver;

  constructor(driver: Driver) {
    this.#driver = driver;
  }

  createDriver(): Driver {
    return this.#driver;
  }

  createQueryCompiler(): QueryCompiler {
    return new PostgresQueryCompiler();
  }

  createAdapter(): DialectAdapter {
    return new PostgresAdapter();
  }

  createIntrospector(kysely: Kysely<AnySchema>): DatabaseIntrospector {
    return new PostgresIntrospector(kysely);
  }
}

class PgConnection implements DatabaseConnection {
  readonly #pools: PostgresPools;
  readonly #client: () => PoolClient;
  /** True once Kysely has begun a transaction on it. */
  inTransaction: boolean;
  /** True when the connection must not be used again. */
  broken = false;

  constructor(pools: PostgresPools, client: () => PoolClient, inTransaction: boolean) {
    this.#pools = pools;
    this.#client = client;
    this.inTransaction = inTransaction;
  }

  get client(): PoolClient {
    return this.#client();
  }

  async executeQuery<R>({ sql, parameters }: CompiledQuery): Promise<QueryResult<R>> {
    const { names, settings } = this.#pools;
    if (this.inTransaction) refuseTransactionEnd(sql, true);
    const name = names.ofRepeated(sql);
    const client = this.#client();
    const execute = async (as: string | undefined) => {
      const named = as === undefined ? {} : { name: as };
      return await client.query({ ...named, text: sql, values: [...parameters], ...ONE_STATEMENT });
    };
    try {
      const result = await execute(name).catch(async (error: unknown) => {
        if (name === undefined || !isStalePlan(error)) throw error;
        names.forget(sql);
        if (this.inTransaction) throw error;
        return await execute(undefined);
      });
      const { command, rowCount, rows } = result;
      const changes = command !== "SELECT" && rowCount !== null;
      return { rows: rows as R[], ...(changes ? { numAffectedRows: BigInt(rowCount) } : {}) };
    } catch (error) {
      if (isConnectionLost(error)) this.broken = true;
      throw toSpineError(error, settings.name);
    }
  }

  streamQuery<R>(): AsyncIterableIterator<QueryResult<R>> {
    throw new SpineError(
      "DATABASE_UNSUPPORTED",
      "The Postgres adapter does not stream queries. Read in pages: `where key > last`, `orderBy key`, `limit n`.",
    );
  }
}

/** The server refuses a text of several statements: a later one could end the transaction. (The types of `pg` lack it.) */
const ONE_STATEMENT: object = { queryMode: "extended" };

/** A prepared statement whose tables were altered since. */
function isStalePlan(error: unknown): boolean {
  return sqlState(error) === "0A000" && asDriverError(error).message.includes("cached plan");
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

  // The pools are closed by their owner, not through a query builder.
  async destroy(): Promise<void> {}
}

class PoolDriver extends Savepoints implements Driver {
  readonly #pools: PostgresPools;

  constructor(pools: PostgresPools) {
    super();
    this.#pools = pools;
  }

  async acquireConnection(): Promise<PgConnection> {
    const client = await this.#pools.acquire("user");
    return new PgConnection(this.#pools, () => client, false);
  }

  async releaseConnection(connection: PgConnection): Promise<void> {
    connection.client.release(connection.broken);
  }

  async beginTransaction(connection: PgConnection, settings: TransactionSettings): Promise<void> {
    const isolation = settings.isolationLevel ? ` ISOLATION LEVEL ${settings.isolationLevel}` : "";
    const access = settings.accessMode ? ` ${settings.accessMode}` : "";
    await connection.executeQuery(CompiledQuery.raw(`BEGIN${isolation}${access}`));
    connection.inTransaction = true;
  }

  async commitTransaction(connection: PgConnection): Promise<void> {
    connection.inTransaction = false;
    await connection.executeQuery(CompiledQuery.raw("COMMIT"));
  }

  async rollbackTransaction(connection: PgConnection): Promise<void> {
    connection.inTransaction = false;
    await connection.executeQuery(CompiledQuery.raw("ROLLBACK"));
  }
}

class LeaseDriver extends Savepoints implements Driver {
  readonly #connection: PgConnection;
  /** Queries that are not awaited one by one still go one by one: there is one connection. */
  readonly #turn = new Mutex();
  #done: () => void = () => {};

  constructor(lease: TransactionLease, pools: PostgresPools) {
    super();
    this.#connection = new PgConnection(pools, () => lease.client, true);
  }

  async acquireConnection(): Promise<PgConnection> {
    this.#done = await this.#turn.lock();
    return this.#connection;
  }

  async releaseConnection(): Promise<void> {
    this.#done();
  }

  async beginTransaction(): Promise<void> {
    throw new SpineError("TRANSACTION_INVALID", "This query builder is inside a transaction already.");
  }

  async commitTransaction(): Promise<void> {}

  async rollbackTransaction(): Promise<void> {}
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
