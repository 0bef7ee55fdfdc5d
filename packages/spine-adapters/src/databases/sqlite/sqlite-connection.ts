import type { DatabaseSync, StatementSync } from "node:sqlite";

/** What SQLite binds and returns. */
export type SqlValue = null | number | bigint | string | Uint8Array;

/** A result row as SQLite returns it. */
export type SqlRow = Readonly<Record<string, SqlValue>>;

/** Rows of a query as lists of their values. */
export interface SqlPage {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly SqlValue[])[];
}

/** The answer to any statement. */
export interface SqlResult {
  readonly rows: readonly SqlRow[];
  readonly changes: number | bigint;
  readonly lastInsertRowid: number | bigint;
}

/** Statements in one generation of two. */
const MOST_STATEMENTS = 100;

/**
 * One connection with its prepared statements: preparing takes longer than most executions. Everything on
 * it is synchronous; errors are SQLite's own (see `sqlite-error.ts`).
 */
export class SqliteConnection {
  readonly #db: DatabaseSync;
  #statements = new Map<string, StatementSync>();
  /** The generation before: what is used of it again moves up, the rest goes. */
  #older = new Map<string, StatementSync>();

  constructor(db: DatabaseSync) {
    this.#db = db;
  }

  /** Executes a statement; returns how many rows it changed. */
  run(sql: string, ...values: readonly SqlValue[]): number {
    return Number(this.#prepare(sql).run(...values).changes);
  }

  /** Executes a statement so many times, each with the values that `valuesOf` gives for its index. */
  runEach(sql: string, times: number, valuesOf: (index: number) => readonly SqlValue[]): void {
    const statement = this.#prepare(sql);
    for (let index = 0; index < times; index += 1) statement.run(...valuesOf(index));
  }

  /**
   * Inserts a row; returns how many there are more, which is 0 when `onConflict` says so.
   *
   * @param row the values by the names of their columns.
   * @param onConflict the clause that follows, e.g. `ON CONFLICT (id) DO NOTHING`.
   */
  insert(table: string, row: SqlRow, onConflict = ""): number {
    const columns = Object.keys(row);
    const marks = columns.map(() => "?").join(", ");
    const sql = `INSERT INTO ${table} (${columns.join(", ")}) VALUES (${marks}) ${onConflict}`;
    return this.run(sql, ...Object.values(row));
  }

  get<R extends object = SqlRow>(sql: string, ...values: readonly SqlValue[]): R | undefined {
    return this.#prepare(sql).get(...values) as R | undefined;
  }

  all<R extends object = SqlRow>(sql: string, ...values: readonly SqlValue[]): readonly R[] {
    return this.#prepare(sql).all(...values) as unknown as readonly R[];
  }

  /** Rows as lists of their values: for many rows, in half the time that objects take. */
  arrays(sql: string, ...values: readonly SqlValue[]): readonly (readonly SqlValue[])[] {
    const statement = this.#prepare(sql);
    statement.setReturnArrays(true);
    try {
      return statement.all(...values) as unknown as readonly (readonly SqlValue[])[];
    } finally {
      statement.setReturnArrays(false);
    }
  }

  /** Rows one by one; to be read to its end, or left, before anything else happens on this connection. */
  iterate<R extends object = SqlRow>(sql: string, ...values: readonly SqlValue[]): Iterable<R> {
    return this.#prepare(sql).iterate(...values) as unknown as Iterable<R>;
  }

  /** The rows of a query as lists of their values, whole numbers as BigInt, with the names of the columns. */
  page(sql: string, values: readonly SqlValue[]): SqlPage {
    const statement = this.#prepare(sql);
    const columns = statement.columns().map(({ name }) => name);
    return asArrays(statement, () => ({
      columns,
      rows: statement.all(...values) as unknown as readonly SqlValue[][],
    }));
  }

  /** The same, so many rows at a time; nothing else may happen on this connection meanwhile. */
  *pages(sql: string, values: readonly SqlValue[], rows: number): Iterable<SqlPage> {
    // Not one that others may use: its settings last as long as its rows.
    const statement = this.#db.prepare(sql);
    const columns = statement.columns().map(({ name }) => name);
    statement.setReadBigInts(true);
    statement.setReturnArrays(true);
    let page: SqlValue[][] = [];
    for (const row of statement.iterate(...values) as Iterable<unknown>) {
      page.push(row as SqlValue[]);
      if (page.length < rows) continue;
      yield { columns, rows: page };
      page = [];
    }
    if (page.length > 0) yield { columns, rows: page };
  }

  /** Executes a statement of which nothing is known. Integers beyond 2^53 come as BigInt. */
  query(sql: string, values: readonly SqlValue[]): SqlResult {
    const statement = this.#prepare(sql);
    if (statement.columns().length === 0) return { rows: [], ...statement.run(...values) };
    statement.setReadBigInts(true);
    try {
      const rows = statement.all(...values).map((row) => readRow(row as SqlRow));
      return { rows, changes: rows.length, lastInsertRowid: 0 };
    } finally {
      statement.setReadBigInts(false);
    }
  }

  /** Makes a function known to SQL on this connection. */
  define(name: string, call: () => SqlValue): void {
    this.#db.function(name, call);
  }

  /** Executes a script of several statements. */
  script(sql: string): void {
    this.#db.exec(sql);
  }

  /** How much of the file it keeps in memory. */
  keepPages(kib: number): void {
    if (this.#db.isOpen) this.#db.exec(`PRAGMA cache_size = ${-kib}`);
  }

  get inTransaction(): boolean {
    return this.#db.isTransaction;
  }

  close(): void {
    this.#statements.clear();
    this.#older.clear();
    if (this.#db.isOpen) this.#db.close();
  }

  #prepare(sql: string): StatementSync {
    const known = this.#statements.get(sql);
    if (known) return known;
    const statement = this.#older.get(sql) ?? this.#db.prepare(sql);
    if (this.#statements.size === MOST_STATEMENTS) {
      this.#older = this.#statements;
      this.#statements = new Map();
    }
    this.#statements.set(sql, statement);
    return statement;
  }
}

function asArrays<T>(statement: StatementSync, read: () => T): T {
  statement.setReadBigInts(true);
  statement.setReturnArrays(true);
  try {
    return read();
  } finally {
    statement.setReadBigInts(false);
    statement.setReturnArrays(false);
  }
}

/** A plain object (SQLite's rows have no prototype), with numbers where they are exact. */
function readRow(row: SqlRow): SqlRow {
  const read: Record<string, SqlValue> = { ...row };
  for (const name in read) {
    const value = read[name];
    if (typeof value === "bigint" && Number.isSafeInteger(Number(value))) read[name] = Number(value);
  }
  return read;
}
