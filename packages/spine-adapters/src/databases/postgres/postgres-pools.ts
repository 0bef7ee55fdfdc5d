import { AsyncLocalStorage } from "node:async_hooks";
import { setTimeout as delay } from "node:timers/promises";
import type { Client, ClientConfig, Pool, PoolClient } from "pg";
import { SpineError } from "spine-core";
import { loadPg } from "./load-pg.ts";
import { isConnectionLost, toSpineError } from "./postgres-error.ts";
import type { PostgresSettings } from "./postgres-options.ts";
import { Slots } from "./slots.ts";
import { StatementNames } from "./statement-names.ts";
import type { TransactionLease } from "./transaction-lease.ts";
import { STATE_VALUES, userValues, type ValueParsers } from "./value-parsers.ts";

/** A result row by the names of its columns. */
export type SqlRow = Readonly<Record<string, unknown>>;

/** What is done on which connections, so that no kind of work can keep another one waiting for a connection. */
const POOL_SIZES = { write: 1, data: 1, read: 1, user: 3 } as const;

export type PoolName = keyof typeof POOL_SIZES;
/** Connections that are in no pool. */
export type SingleName = "flush" | "beat" | "listen" | "reader" | "rows";
export type PurposeName = PoolName | SingleName;

/** Ways of reading that the connections for reads do not take where there is another. */
const ORDERED = ["sort", "bitmapscan", "hashjoin", "mergejoin", "hashagg"] as const;
/** Transactions of users at a time: one connection of theirs stays free for queries beside them. */
const MOST_TRANSACTIONS = POOL_SIZES.user - 1;
/** What queries of users and of sources go through. */
const QUERIED: readonly PurposeName[] = ["user", "reader", "rows"];
/** How long reads and claims wait for a server that is away, e.g. restarting. */
const OUTAGE_MS = 60_000;
const CONNECT_MS = 10_000;
/** A statement of Spine's own takes milliseconds: one that has no answer by then is on a connection of which nobody is left. */
const ANSWER_MS = 20_000;
/** A beat that is not answered must not keep the next one. */
const BEAT_ANSWER_MS = 3_000;
/** For statements whose time grows with the tables. */
const LONG_ANSWER_MS = 3_600_000;
/** How long it is waited for connections that are being closed. */
const CLOSE_MS = 2_000;
/** How long work waits for a connection of its pool. */
const ACQUIRE_MS = 30_000;

/**
 * The connections of one process to one database: pools by purpose, and single connections (two for `flush`, one for
 * `listen`, one for `beat`, which a thread may have); ten in all. Opened when they are first used. Besides them, each stream of a
 * `databaseSource` and each `withRows` has a connection of its own for as long as it goes on (`reader`, `rows`).
 */
export class PostgresPools {
  readonly settings: PostgresSettings;
  readonly names = new StatementNames();
  /** The transaction of a user that the caller is in. */
  readonly currentTransaction = new AsyncLocalStorage<TransactionLease>();
  readonly transactions = new Slots(MOST_TRANSACTIONS, ACQUIRE_MS);
  readonly #pools = new Map<PoolName, Promise<Pool>>();
  readonly #pooled = new Set<Client>();
  readonly #singles = new Set<Client>();
  #closed = false;
  #isPooled = false;

  constructor(settings: PostgresSettings) {
    this.settings = settings;
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /** True behind a pooler that gives each transaction another session: nothing holds from one statement to the next. */
  get isPooled(): boolean {
    return this.#isPooled;
  }

  /** Told when such a pooler was found. */
  foundPooler(): void {
    this.#isPooled = true;
    this.names.turnOff();
  }

  /** Executes one prepared statement; its rows. What the server refuses is thrown as a SpineError. */
  async query<R extends object = SqlRow>(
    pool: PoolName,
    sql: string,
    values: readonly unknown[] = [],
  ): Promise<readonly R[]> {
    try {
      const result = await (await this.#pool(pool)).query<R & Record<string, unknown>>({
        name: this.names.of(sql),
        text: sql,
        values: [...values],
      });
      return result.rows;
    } catch (error) {
      throw toSpineError(error, this.settings.name);
    }
  }

  /** A query that may be asked again: it waits for a server that is away for a while. */
  async ask<R extends object = SqlRow>(
    pool: PoolName,
    sql: string,
    values: readonly unknown[] = [],
    signal?: AbortSignal,
  ): Promise<readonly R[]> {
    return await this.throughOutage(() => this.query<R>(pool, sql, values), signal);
  }

  /** The same with rows as lists of their values, which saves a look-up of each name in each of many rows. */
  async askArrays<R extends readonly unknown[]>(
    pool: PoolName,
    sql: string,
    values: readonly unknown[],
  ): Promise<readonly R[]> {
    return await this.throughOutage(async () => {
      try {
        const name = this.names.of(sql);
        const query = { name, text: sql, values: [...values], rowMode: "array" as const };
        return (await (await this.#pool(pool)).query(query)).rows as unknown as readonly R[];
      } catch (error) {
        throw toSpineError(error, this.settings.name);
      }
    });
  }

  /**
   * Does work that may be done again, until the server answers or an outage has lasted too long. Once `signal` is aborted it
   * is not done (again).
   */
  async throughOutage<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const start = performance.now();
    for (let wait = 20; ; wait = Math.min(wait * 2, 1_000)) {
      signal?.throwIfAborted();
      try {
        return await work();
      } catch (error) {
        if (!isConnectionLost(error) || this.#closed || performance.now() - start > OUTAGE_MS) throw error;
        // An abort ends the wait; what it says is thrown above.
        await delay(wait, undefined, signal && { signal }).catch(() => {});
      }
    }
  }

  /** A connection of a pool, until `release` is called: with `true` it is closed instead of used again. */
  async acquire(pool: PoolName): Promise<PoolClient> {
    try {
      return await (await this.#pool(pool)).connect();
    } catch (error) {
      throw toSpineError(error, this.settings.name);
    }
  }

  /** Several statements in one transaction of a state pool; `long` where each may take its time. */
  async inTransaction<T>(
    pool: PoolName,
    work: (query: Query, client: PoolClient) => Promise<T>,
    { long = false }: { readonly long?: boolean } = {},
  ): Promise<T> {
    const client = await this.acquire(pool);
    let broken = true;
    try {
      await client.query("BEGIN");
      const result = await work(async (sql, values = []) => {
        const name = this.names.of(sql);
        const limit = long ? { query_timeout: LONG_ANSWER_MS } : {};
        return (await client.query({ name, text: sql, values: [...values], ...limit })).rows as never;
      }, client);
      await client.query("COMMIT");
      broken = false;
      return result;
    } catch (error) {
      if (!isConnectionLost(error)) {
        await client.query("ROLLBACK").then(
          () => {
            broken = false;
          },
          () => {},
        );
      }
      throw toSpineError(error, this.settings.name);
    } finally {
      client.release(broken);
    }
  }

  /** A connection of its own, closed with the pools. */
  async single(
    purpose: SingleName,
    onLost: () => void,
    types: ValueParsers | "user" = STATE_VALUES,
  ): Promise<Client> {
    this.#refuseClosed();
    try {
      const pg = await loadPg();
      const values = types === "user" ? userValues(pg.types as ValueParsers) : types;
      const client = new pg.Client(this.#config(purpose, values));
      // Without a listener the end of an idle connection would end the process.
      client.on("error", onLost);
      client.on("end", onLost);
      await client.connect();
      this.#singles.add(client);
      client.on("end", () => this.#singles.delete(client));
      if (this.#closed) await client.end();
      this.#refuseClosed();
      return client;
    } catch (error) {
      throw toSpineError(error, this.settings.name);
    }
  }

  /** Closes all connections. What is still under way on them fails. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const pools = await Promise.allSettled(this.#pools.values());
    const closed = Promise.allSettled([
      ...pools.map((pool) => (pool.status === "fulfilled" ? pool.value.end() : undefined)),
      ...[...this.#singles].map((client) => client.end()),
    ]);
    // A server that does not answer does not say good-bye either.
    await Promise.race([closed, delay(CLOSE_MS, undefined, { ref: false })]);
    for (const client of [...this.#pooled, ...this.#singles]) cut(client);
  }

  #pool(name: PoolName): Promise<Pool> {
    this.#refuseClosed();
    const known = this.#pools.get(name);
    if (known) return known;
    const opening = this.#open(name);
    this.#pools.set(name, opening);
    opening.catch(() => this.#pools.delete(name));
    return opening;
  }

  async #open(name: PoolName): Promise<Pool> {
    const pg = await loadPg();
    const values = name === "user" ? userValues(pg.types as ValueParsers) : STATE_VALUES;
    const pool = new pg.Pool({
      ...this.#config(name, values),
      max: POOL_SIZES[name],
      connectionTimeoutMillis: ACQUIRE_MS,
      idleTimeoutMillis: 60_000,
    });
    // A connection that ends is replaced at the next use. Without listeners its end would end the process: the pool's is
    // for idle ones, the other for those that somebody has in hand, whose query then fails.
    pool.on("error", () => {});
    pool.on("connect", (client) => {
      client.on("error", () => {});
      this.#pooled.add(client);
    });
    pool.on("remove", (client) => this.#pooled.delete(client));
    return pool;
  }

  /** How to connect for a purpose, as plain data where the options of the host are. */
  plainConfig(purpose: SingleName): Readonly<Record<string, unknown>> {
    const { types: _, ...config } = this.#config(purpose, STATE_VALUES);
    return config as Readonly<Record<string, unknown>>;
  }

  #config(purpose: PurposeName, types: ValueParsers): ClientConfig {
    const { connection, applicationName, options, schema, tableSchema } = this.settings;
    const isQueried = QUERIED.includes(purpose);
    const set = [
      `search_path=${tableSchema},${schema}`,
      "TimeZone=UTC",
      "DateStyle=ISO",
      "bytea_output=hex",
      "jit=off",
      // A process whose machine is gone: its transactions and its locks end within a minute.
      "tcp_keepalives_idle=20",
      "tcp_keepalives_interval=10",
      "tcp_keepalives_count=3",
      // Every state statement finds its rows by their keys; a plan made while a table was empty would not.
      ...(isQueried ? [] : ["enable_seqscan=off", "plan_cache_mode=force_generic_plan"]),
      // What is read in the order of an index must not be collected and sorted first, however small a table was once.
      ...(purpose === "read" ? ORDERED.map((name) => `enable_${name}=off`) : []),
    ].map((setting) => `-c ${setting}`);
    return {
      ...connection,
      application_name: `${applicationName}-${purpose}`,
      options: [...set, options].join(" ").trim(),
      keepAlive: true,
      keepAliveInitialDelayMillis: 10_000,
      connectionTimeoutMillis: CONNECT_MS,
      idle_in_transaction_session_timeout: isQueried ? 600_000 : 60_000,
      ...(isQueried ? {} : { query_timeout: purpose === "beat" ? BEAT_ANSWER_MS : ANSWER_MS }),
      types: types as NonNullable<ClientConfig["types"]>,
    };
  }

  #refuseClosed(): void {
    if (!this.#closed) return;
    throw new SpineError("DATABASE_UNAVAILABLE", `The database ${this.settings.name} has been closed.`, {
      retryable: false,
      context: { database: this.settings.name },
    });
  }
}

/** Ends a connection without asking the server. */
export function cut({ connection }: Client): void {
  connection.stream.destroy();
}

/** Executes a statement on the connection at hand; its rows. */
export type Query = <R extends object = SqlRow>(
  sql: string,
  values?: readonly unknown[],
) => Promise<readonly R[]>;
