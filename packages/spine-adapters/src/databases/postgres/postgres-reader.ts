import type { Client } from "pg";
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
import { isConnectionLost, sqlState, toSpineError } from "./postgres-error.ts";
import type { PostgresPools } from "./postgres-pools.ts";
import { READER_VALUES } from "./value-parsers.ts";

/** How often a page is asked for again when the connection was lost, and after how long first. */
const TRIES = 5;
const FIRST_PAUSE_MS = 50;

/** Opens a connection of its own in transactions that cannot write. */
export async function openPostgresReader(
  pools: PostgresPools,
  options: ReaderOptions,
): Promise<DatabaseReader> {
  const reader = new PostgresReader(pools, options);
  if (options.snapshot) await reader.begin();
  return reader;
}

class PostgresReader implements DatabaseReader {
  readonly #pools: PostgresPools;
  readonly #options: ReaderOptions;
  #client: Promise<Client> | undefined;
  /** True once the snapshot was taken: it ends with its connection. */
  #begun = false;

  constructor(pools: PostgresPools, options: ReaderOptions) {
    this.#pools = pools;
    this.#options = options;
  }

  async begin(): Promise<void> {
    await this.#again(undefined, (client) => client.query(this.#beginning("REPEATABLE READ")));
    this.#begun = true;
  }

  async table(schema: string | null, name: string): Promise<ReaderTable | undefined> {
    const relation = schema === null ? quoted(name) : `${quoted(schema)}.${quoted(name)}`;
    const { rows } = await this.query({ sql: TABLE_SQL, values: [relation], keys: 0 });
    if (rows.length === 0) return undefined;
    const columns = rows.map(([column, nullable]) => ({
      name: column as string,
      nullable: nullable === true,
    }));
    const keys = rows.filter(([, , place]) => place !== null).sort((a, b) => Number(a[2]) - Number(b[2]));
    return { columns, primaryKey: keys.map(([column]) => column as string) };
  }

  async query(query: ReaderQuery, signal?: AbortSignal): Promise<ReaderRows> {
    return await this.#again(signal, async (client) => {
      if (this.#options.snapshot) return await this.#read(client, query.sql, query);
      await client.query(this.#beginning("READ COMMITTED"));
      try {
        return await this.#read(client, query.sql, query);
      } finally {
        await client.query("COMMIT").catch(() => {});
      }
    });
  }

  async *stream(query: ReaderQuery, rows: number, signal?: AbortSignal): AsyncGenerator<ReaderRows> {
    const { sql, values } = query;
    await this.#again(signal, (client) =>
      client.query(one({ text: `DECLARE spine_rows NO SCROLL CURSOR FOR ${sql}`, values: [...values] })),
    );
    const fetch = { ...query, values: [] };
    for (;;) {
      const page = await this.#again(signal, (client) =>
        this.#read(client, `FETCH FORWARD ${rows} FROM spine_rows`, fetch),
      );
      if (page.rows.length === 0) return;
      yield page;
    }
  }

  keyColumn(column: string): string {
    return `${column}::text`;
  }

  bind(key: JsonValue): unknown {
    return key;
  }

  async close(): Promise<void> {
    const client = await this.#client?.catch(() => undefined);
    this.#client = undefined;
    await client?.end().catch(() => {});
  }

  #beginning(isolation: string): string {
    return `BEGIN ISOLATION LEVEL ${isolation} READ ONLY; SET LOCAL statement_timeout = ${Math.ceil(this.#options.timeoutMs)}`;
  }

  async #read(client: Client, sql: string, { values, keys }: ReaderQuery): Promise<ReaderRows> {
    const { fields, rows } = await client.query(
      one({ text: sql, values: [...values], rowMode: "array" as const }),
    );
    const read = rows as unknown as JsonValue[][];
    const end = fields.length - keys;
    return {
      columns: fields.slice(0, end).map(({ name }) => name),
      rows: keys === 0 ? read : read.map((row) => row.slice(0, end)),
      keys: read.map((row) => row.slice(end)),
    };
  }

  /** Asks again on a new connection when the old one was lost; a snapshot is gone with it. */
  async #again<T>(signal: AbortSignal | undefined, ask: (client: Client) => Promise<T>): Promise<T> {
    for (let tries = 1, pause = FIRST_PAUSE_MS; ; tries += 1, pause *= 2) {
      signal?.throwIfAborted();
      let abort: (() => void) | undefined;
      try {
        const client = await this.#connected();
        abort = () => this.#cancel(client);
        signal?.addEventListener("abort", abort, { once: true });
        const answer = await ask(client);
        signal?.throwIfAborted();
        return answer;
      } catch (error) {
        signal?.throwIfAborted();
        const lost = isConnectionLost(error);
        if (!lost || this.#options.snapshot || tries === TRIES || this.#pools.isClosed)
          throw this.#error(error);
        await this.close();
      } finally {
        if (abort) signal?.removeEventListener("abort", abort);
      }
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }

  #connected(): Promise<Client> {
    if (this.#client) return this.#client;
    if (this.#begun) return Promise.reject(this.#momentLost());
    const lost = () => {
      if (this.#client === connecting) this.#client = undefined;
    };
    const connecting = this.#pools.single("reader", lost, READER_VALUES);
    this.#client = connecting;
    connecting.catch(lost);
    return connecting;
  }

  /** The server ends the statement that is under way; it would go on for nobody. */
  #cancel(client: Client): void {
    const { processID } = client as unknown as { readonly processID: number | null };
    if (processID === null) return;
    this.#pools.query("user", "SELECT pg_cancel_backend($1)", [processID]).catch(() => {});
  }

  #momentLost(): SpineError {
    const { name } = this.#pools.settings;
    return new SpineError(
      "SOURCE_UNAVAILABLE",
      `The connection to ${name} was lost, and with it the moment as of which was read. The step begins again.`,
      { context: { database: name } },
    );
  }

  #error(error: unknown): unknown {
    if (SpineError.is(error) && error.code === "SOURCE_UNAVAILABLE") return error;
    const { name } = this.#pools.settings;
    const state = sqlState(error);
    const message = error instanceof Error ? error.message : String(error);
    const options = { context: { database: name }, cause: error };
    if (state === "42P01" || state === "3F000") {
      return new SourceError(`${name}: ${message}.`, { code: "SOURCE_NOT_FOUND", ...options });
    }
    if (state === "57014") {
      return new SpineError(
        "SOURCE_UNAVAILABLE",
        `${name}: a statement took longer than ${this.#options.timeoutMs} ms and was ended. Raise \`statementTimeout\`, read fewer rows at a time, or give the key an index.`,
        { ...options, category: "TIMEOUT" },
      );
    }
    // What the query is, or what its values are.
    if (state !== undefined && state !== "42501" && /^(?:42|22|0A|21|25006)/.test(state)) {
      return new SourceError(`${name}: the server refused the query: ${message}.`, {
        code: "SOURCE_FORMAT",
        ...options,
      });
    }
    const known = toSpineError(error, name);
    if (!SpineError.is(known) || known.category === "PERMISSION" || known.category === "CONFIGURATION")
      return known;
    return new SpineError("SOURCE_UNAVAILABLE", known.message, { ...options, retryable: known.retryable });
  }
}

/** Sent as one statement: a text without parameters could hold several, which end the transaction that cannot write. */
function one<T extends object>(query: T): T & { readonly queryMode: "extended" } {
  return { ...query, queryMode: "extended" };
}

const TABLE_SQL = `SELECT a.attname::text, NOT a.attnotnull, array_position(i.indkey::int2[], a.attnum)
FROM pg_attribute a LEFT JOIN pg_index i ON i.indrelid = a.attrelid AND i.indisprimary
WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum`;

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
