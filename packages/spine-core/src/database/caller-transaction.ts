import type { Kysely } from "kysely";
import type { AnySchema, DatabaseTransaction } from "./database-transaction.ts";

/** A client of `pg`, connected: one connection. (A pool is none: each of its statements may go to another connection.) */
export interface PostgresClient {
  query(config: { readonly text: string; readonly values: unknown[] }): Promise<unknown>;
}

/** A connection of `node:sqlite`, or of a driver that has the same methods. */
export interface SqliteDatabase {
  prepare(sql: string): unknown;
  exec(sql: string): unknown;
}

/**
 * A connection of the host's own to the database that Spine keeps its state in, with the transaction that is open on it: a
 * Kysely transaction, a client of `pg`, a `DatabaseSync` of `node:sqlite`, or what `database.transaction` and
 * `context.transaction` hand to their work. Known by its shape: no driver is needed to name it.
 */
export type CallerTransaction = Kysely<AnySchema> | DatabaseTransaction | PostgresClient | SqliteDatabase;
