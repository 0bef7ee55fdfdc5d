import { createHash } from "node:crypto";
import {
  anything,
  aText,
  checkOptions,
  type Database,
  type DatabaseReader,
  type Duration,
  type JsonValue,
  type OptionKinds,
  type Page,
  type ReaderRows,
  type Row,
  type Source,
  SourceError,
  SpineError,
  type StreamOptions,
  toMs,
} from "spine-core";
import {
  type DatabaseRequest,
  placeholder,
  quoted,
  type Selection,
  selectionOf,
} from "./database-request.ts";

export interface DatabaseSourceOptions {
  /** The source's name, e.g. `shop`; `database` when left out. */
  readonly name?: string;
  /** What is read: `postgres(url)` or `sqlite(path)`. Not necessarily one that a Spine keeps its state in. */
  readonly database: Database;
  /** Rows in a page; 2,000 when left out. */
  readonly pageRows?: number;
  /** How long one statement may take; `"5m"` when left out. SQLite cannot end a statement. */
  readonly statementTimeout?: Duration;
}

/** Where reading stands after a page. */
type DatabaseCursor = {
  /** The key of the last row; null where the database keeps the place. */
  readonly after: readonly JsonValue[] | null;
  /** What is read: another query has nothing to do with this place. */
  readonly of: string;
};

const PAGE_ROWS = 2_000;
/** What is read, in the statement of a page: no table should have this name. */
const PAGED = "spine_paged";
const OPTIONS: OptionKinds<DatabaseSourceOptions> = {
  name: aText,
  // Checked by themselves.
  database: anything,
  pageRows: anything,
  statementTimeout: anything,
};

/**
 * Reads rows of a database: a table, a query of the query builder, or SQL with parameters, on a connection of its own that
 * cannot write. Pages follow each other by a unique key, so that reading goes on behind any of them; with `consistent` all is
 * read as of one moment.
 *
 * Values lose nothing: whole numbers of 64 bits and decimals of Postgres are text, as are whole numbers of SQLite beyond 2^53;
 * times are ISO text with all their digits, bytes base64, JSON itself; floats that are no numbers are the texts `NaN`,
 * `Infinity` and `-Infinity`.
 *
 * Errors: SOURCE_NOT_FOUND (no such table), SOURCE_FORMAT (no such column, a query that is refused, a key that is not unique or
 * NULL), SOURCE_CHANGED, PERMISSION_DENIED, and SOURCE_UNAVAILABLE, which is retried.
 *
 * @example
 * const shop = databaseSource({ name: "shop", database: postgres(process.env.SHOP_URL) });
 * flow.fetch("orders", { from: shop, request: () => ({ table: "orders", where: { tier: "T1" } }) });
 */
export function databaseSource(options: DatabaseSourceOptions): Source<DatabaseRequest, Row> {
  checkOptions(options, OPTIONS, { of: "a database source", code: "CONFIG_INVALID" });
  const { name = "database", database, pageRows = PAGE_ROWS, statementTimeout = "5m" } = options;
  const refuse = (why: string): never => {
    throw new SpineError("CONFIG_INVALID", `The database source "${name}" ${why}`);
  };
  if (!Number.isInteger(pageRows) || pageRows < 1)
    refuse(`has pages of ${String(pageRows)} rows; use a whole number from 1.`);
  if (!database?.openReader)
    refuse("needs a `database` that can be read beside others: sqlite(path) or postgres(url).");
  const timeoutMs = toMs(statementTimeout);
  const settings = { name, database, pageRows, timeoutMs };
  return {
    name,
    stream: (request, streamOptions = {}) => readDatabase(settings, request, streamOptions),
  };
}

interface Settings {
  readonly name: string;
  readonly database: Database;
  readonly pageRows: number;
  readonly timeoutMs: number;
}

async function* readDatabase(
  settings: Settings,
  request: DatabaseRequest,
  { signal, cursor = null }: StreamOptions,
): AsyncGenerator<Page> {
  const { name, database, timeoutMs } = settings;
  signal?.throwIfAborted();
  const selection = selectionOf(request, database.dialect, database.kysely);
  const snapshot = request.consistent === true;
  const reader = await database.openReader?.({ snapshot, timeoutMs });
  if (!reader)
    throw new SpineError(
      "DATABASE_UNSUPPORTED",
      `The database of source "${name}" cannot be read beside others.`,
    );
  try {
    const key = await keyOf(request, reader);
    const of = placeOf(selection, key);
    const after = afterOf(cursor, of);
    yield* key.length > 0
      ? pagesByKey({ settings, reader, selection, key, of, signal }, after)
      : pagesByCursor({ settings, reader, selection, key, of, signal }, cursor);
  } catch (error) {
    if (signal?.aborted && error === signal.reason) throw error;
    throw SpineError.is(error) ? error.withContext({ source: name }) : error;
  } finally {
    await reader.close();
  }
}

interface Reading {
  readonly settings: Settings;
  readonly reader: DatabaseReader;
  readonly selection: Selection;
  readonly key: readonly string[];
  readonly of: string;
  readonly signal: AbortSignal | undefined;
}

async function* pagesByKey(reading: Reading, start: readonly JsonValue[] | null): AsyncGenerator<Page> {
  const { settings, reader, key, of, signal } = reading;
  await refuseNulls(reading);
  let after = start;
  for (;;) {
    const found = await reader.query(pageQuery(reading, after), signal);
    checkColumns(found.columns);
    // The row that the last page ended with comes again, and no other of its key may.
    const known = found.keys.findIndex((values) => !isTrue(values.at(-1)));
    const delivered = known === -1 ? found.rows.length : known;
    const keys = found.keys.map((values) => values.slice(0, -1));
    checkUnique(keys, key, delivered);
    const rows = found.rows.slice(delivered, delivered + settings.pageRows);
    after = keys[delivered + rows.length - 1] ?? after;
    signal?.throwIfAborted();
    if (rows.length > 0)
      yield { rows: rowsOf(found.columns, rows), cursor: { after: [...(after ?? [])], of } };
    if (found.rows.length - delivered <= settings.pageRows) return;
  }
}

async function* pagesByCursor(reading: Reading, cursor: JsonValue | null): AsyncGenerator<Page> {
  const { settings, reader, selection, of, signal } = reading;
  if (cursor !== null) {
    throw new SourceError("What was read as of one moment, without a key, cannot be gone on with.", {
      code: "SOURCE_CHANGED",
    });
  }
  const query = { ...selection, keys: 0 };
  for await (const found of reader.stream(query, settings.pageRows, signal)) {
    checkColumns(found.columns);
    yield { rows: rowsOf(found.columns, found.rows), cursor: { after: null, of } };
    signal?.throwIfAborted();
  }
}

function pageQuery({ settings, reader, selection, key }: Reading, after: readonly JsonValue[] | null) {
  const { dialect } = settings.database;
  const columns = key.map((column) => `q.${quoted(column)}`);
  const values = [...selection.values];
  const mark = (value: unknown) => {
    values.push(value);
    return placeholder(dialect, values.length);
  };
  const place = `(${columns.join(", ")})`;
  const bound = () => `(${after?.map((value) => mark(reader.bind(value))).join(", ")})`;
  // What is equal the database says: letters that differ may be, and 1.0 and 1.00 are.
  const isKnown = after === null ? "1 = 0" : `${place} = ${bound()}`;
  const list = ["q.*", ...columns.map((column) => reader.keyColumn(column)), isKnown].join(", ");
  const where = after === null ? "" : `\nWHERE ${place} >= ${bound()}`;
  // One more than is delivered: two rows of the same key lie side by side, and may be of two pages.
  const limit = mark(settings.pageRows + (after === null ? 1 : 2));
  // A WITH, because SQLite counts its parameters by where they stand: those of the selection come first.
  const sql = `WITH ${PAGED} AS (${selection.sql}\n) SELECT ${list} FROM ${PAGED} AS q${where}\nORDER BY ${columns.join(", ")} LIMIT ${limit}`;
  return { sql, values, keys: key.length + 1 };
}

/** A row whose key is NULL would come behind nothing, and never be read. */
async function refuseNulls({ reader, selection, key, signal }: Reading): Promise<void> {
  const isNull = key.map((column) => `q.${quoted(column)} IS NULL`).join(" OR ");
  const sql = `SELECT 1 FROM (${selection.sql}\n) AS q WHERE ${isNull} LIMIT 1`;
  const { rows } = await reader.query({ sql, values: selection.values, keys: 0 }, signal);
  if (rows.length === 0) return;
  throw new SourceError(
    `The key (${key.join(", ")}) is NULL in some rows, which could not be read in pages. Leave them out, or name other columns.`,
    { code: "SOURCE_FORMAT" },
  );
}

/** Of the databases' ways to say yes. */
function isTrue(value: JsonValue | undefined): boolean {
  return value === true || value === 1;
}

/** @param delivered how many rows at the beginning have the key of the last one of the page before */
function checkUnique(keys: ReaderRows["keys"], key: readonly string[], delivered: number): void {
  for (const [index, values] of keys.entries()) {
    const next = keys[index + 1];
    const isTwice = index + 1 < delivered || JSON.stringify(next) === JSON.stringify(values);
    if (!next || !isTwice) continue;
    throw new SourceError(
      `The key (${key.join(", ")}) is not unique: two rows have ${JSON.stringify(values)}, and one of them could be left out. Add a column to it.`,
      { code: "SOURCE_FORMAT" },
    );
  }
}

/** Two columns of one name would be one, and one of a name that is no key would be none. */
function checkColumns(columns: readonly string[]): void {
  if (columns.includes("__proto__"))
    throw new SourceError('A column cannot be called "__proto__". Give it another name (AS).', {
      code: "SOURCE_FORMAT",
    });
  const twice = columns.find((column, index) => columns.indexOf(column) !== index);
  if (twice === undefined) return;
  throw new SourceError(`The query has two columns "${twice}". Give one of them another name (AS).`, {
    code: "SOURCE_FORMAT",
  });
}

function rowsOf(columns: readonly string[], rows: ReaderRows["rows"]): readonly Row[] {
  return rows.map((row) => {
    const made: Record<string, JsonValue> = {};
    for (const [index, column] of columns.entries()) made[column] = row[index] ?? null;
    return made;
  });
}

/** The columns that pages follow each other by; none where the database keeps the place. */
async function keyOf(request: DatabaseRequest, reader: DatabaseReader): Promise<readonly string[]> {
  if (!("table" in request)) return request.key ?? [];
  const { table, columns = [], where = {}, key } = request;
  const [schema, name] = typeof table === "string" ? [null, table] : [table.schema, table.name];
  const found = await reader.table(schema, name);
  const shown = schema === null ? name : `${schema}.${name}`;
  if (!found) {
    throw new SourceError(`There is no table "${shown}". Check its name and schema.`, {
      code: "SOURCE_NOT_FOUND",
    });
  }
  const known = found.columns.map((column) => column.name);
  for (const column of [...columns, ...Object.keys(where), ...(key ?? [])]) {
    if (known.includes(column)) continue;
    throw new SourceError(`Table "${shown}" has no column "${column}". It has ${known.join(", ")}.`, {
      code: "SOURCE_FORMAT",
    });
  }
  const chosen = key ?? (request.consistent === true ? [] : found.primaryKey);
  if (chosen.length === 0 && request.consistent !== true) {
    throw new SourceError(
      `Table "${shown}" has no primary key. Name the columns that are unique together (\`key\`), or set \`consistent: true\`.`,
      { code: "SOURCE_FORMAT" },
    );
  }
  const missing = columns.length > 0 ? chosen.find((column) => !columns.includes(column)) : undefined;
  if (missing === undefined) return chosen;
  throw new SourceError(`The columns do not have "${missing}", which is of the key. Add it.`, {
    code: "SOURCE_FORMAT",
  });
}

function placeOf({ sql, values }: Selection, key: readonly string[]): string {
  const text = JSON.stringify([sql, values, key], (_, value: unknown) =>
    typeof value === "bigint" ? value.toString() : value,
  );
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}

function afterOf(cursor: JsonValue | null, of: string): readonly JsonValue[] | null {
  if (cursor === null) return null;
  const place = cursor as Partial<DatabaseCursor>;
  if (place.of === of) return place.after ?? null;
  throw new SourceError("What is read is not what the cursor was made of.", { code: "SOURCE_CHANGED" });
}
