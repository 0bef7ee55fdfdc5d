import { DatabaseSync } from "node:sqlite";
import {
  CamelCasePlugin,
  CompiledQuery,
  Kysely,
  type Dialect as KyselyDialect,
  PostgresDialect,
  SqliteDialect,
} from "kysely";
import pg from "pg";
import type { AnySchema, CallerTransaction, Database, DatabaseTransaction } from "spine-core";
import type { Address } from "./places.ts";

/** A transaction that a host has open on a connection of his own. */
export interface OpenTransaction {
  readonly transaction: CallerTransaction;
  commit(): Promise<void>;
  rollback(): Promise<void>;
  /** Executes a statement of the host's in it. */
  query(sql: string): Promise<void>;
}

type Begin = (address: Address, database: Database) => Promise<OpenTransaction>;

/** The connections that Spine knows, by the dialect of the place. */
export const CALLERS: Readonly<Record<string, Readonly<Record<string, Begin>>>> = {
  SQLite: {
    "database.transaction": inDatabaseTransaction,
    "database.kysely": (_address, database) => inKysely(database.kysely),
    DatabaseSync: async ([file]) => inDatabaseSync(new DatabaseSync(file)),
    "a DatabaseSync that returns arrays and BigInts": async ([file]) =>
      inDatabaseSync(new DatabaseSync(file, { returnArrays: true, readBigInts: true })),
    "Kysely on a DatabaseSync": async ([file]) => inKysely(new Kysely({ dialect: kyselyOnSqlite(file) })),
  },
  Postgres: {
    "database.transaction": inDatabaseTransaction,
    "database.kysely": (_address, database) => inKysely(database.kysely),
    "a client of pg": async ([url]) => await inClient(await connected(url)),
    "a client of pg with settings of its own": async ([url]) => {
      const client = await connected(url);
      client.setTypeParser(25, () => "not a text of yours");
      await client.query(
        "SET search_path = pg_temp; SET TimeZone = 'Asia/Kathmandu'; SET DateStyle = 'German, DMY'",
      );
      return await inClient(client);
    },
    "a client of pg that asks for binary values": async ([url]) =>
      await inClient(await connected(url, { binary: true } as pg.ClientConfig)),
    "a client of a pool": async ([url]) => {
      const pool = new pg.Pool({ connectionString: url });
      return await inClient(await pool.connect());
    },
    "Kysely with PostgresDialect": async ([url]) =>
      inKysely(
        new Kysely({ dialect: new PostgresDialect({ pool: new pg.Pool({ connectionString: url }) }) }),
      ),
    "Kysely that renames columns": async ([url]) =>
      inKysely(
        new Kysely({
          dialect: new PostgresDialect({ pool: new pg.Pool({ connectionString: url }) }),
          plugins: [new CamelCasePlugin()],
        }),
      ),
  },
};

export async function connected(url: string, config: pg.ClientConfig = {}): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url, ...config });
  client.on("error", () => {});
  await client.connect();
  return client;
}

export async function inClient(client: pg.ClientBase): Promise<OpenTransaction> {
  await client.query("BEGIN");
  const end = async (sql: string) => {
    await client.query(sql);
    if ("release" in client) (client as pg.PoolClient).release(true);
    else await (client as pg.Client).end();
  };
  return {
    transaction: client,
    commit: () => end("COMMIT"),
    rollback: () => end("ROLLBACK"),
    query: async (sql) => void (await client.query(sql)),
  };
}

export function inDatabaseSync(database: DatabaseSync): OpenTransaction {
  database.exec("BEGIN");
  const end = async (sql: string) => {
    database.exec(sql);
    database.close();
  };
  return {
    transaction: database,
    commit: () => end("COMMIT"),
    rollback: () => end("ROLLBACK"),
    query: async (sql) => database.exec(sql),
  };
}

async function inKysely(kysely: Kysely<AnySchema>): Promise<OpenTransaction> {
  return await held(
    (work: (transaction: Kysely<AnySchema>) => Promise<void>) => kysely.transaction().execute(work),
    (transaction) => transaction,
  );
}

async function inDatabaseTransaction(_address: Address, database: Database): Promise<OpenTransaction> {
  return await held(
    (work: (transaction: DatabaseTransaction) => Promise<void>) => database.transaction(work),
    (transaction) => transaction.kysely,
  );
}

/** A transaction that ends with its work, held open. */
async function held<T extends Kysely<AnySchema> | DatabaseTransaction>(
  open: (work: (transaction: T) => Promise<void>) => Promise<void>,
  kyselyOf: (transaction: T) => Kysely<AnySchema>,
): Promise<OpenTransaction> {
  const begun = Promise.withResolvers<T>();
  const end = Promise.withResolvers<void>();
  const undone = new Error("rolled back on purpose");
  const done = open(async (transaction) => {
    begun.resolve(transaction);
    await end.promise;
  });
  done.catch(begun.reject);
  const transaction = await begun.promise;
  return {
    transaction,
    commit: async () => {
      end.resolve();
      await done;
    },
    rollback: async () => {
      end.reject(undone);
      await done.catch((error: unknown) => {
        if (error !== undone) throw error;
      });
    },
    query: async (sql) => {
      await kyselyOf(transaction).executeQuery(CompiledQuery.raw(sql));
    },
  };
}

function kyselyOnSqlite(file: string): KyselyDialect {
  const database = new DatabaseSync(file);
  return new SqliteDialect({
    database: {
      prepare(sql) {
        const statement = database.prepare(sql);
        return {
          reader: statement.columns().length > 0,
          all: (values) => statement.all(...(values as string[])),
          run: (values) => statement.run(...(values as string[])),
          iterate: (values) => statement.iterate(...(values as string[])),
        };
      },
      close: () => database.close(),
    },
  });
}
