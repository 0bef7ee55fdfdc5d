import type { JsonValue } from "../json.ts";

export interface ReaderOptions {
  /** True: everything is read from one state of the database, as it is at the first statement. */
  readonly snapshot: boolean;
  /** How long a statement may take, in milliseconds; as long as it takes where the database cannot end one. */
  readonly timeoutMs: number;
}

/** A column of a table. */
export interface ReaderColumn {
  readonly name: string;
  readonly nullable: boolean;
}

/** What a database says of a table or view. */
export interface ReaderTable {
  readonly columns: readonly ReaderColumn[];
  /** The columns of the primary key; empty for none. */
  readonly primaryKey: readonly string[];
}

/** Rows as JSON that loses nothing: what JSON cannot hold exactly is text. */
export interface ReaderRows {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly JsonValue[])[];
  /** Of each row, its key in a form that can be bound again. */
  readonly keys: readonly (readonly JsonValue[])[];
}

export interface ReaderQuery {
  /** One SELECT; parameters as the dialect spells them (`$1`, `?`). */
  readonly sql: string;
  readonly values: readonly unknown[];
  /** How many columns at the end are the key, as `keyColumn` spells them: they are in `keys`, and not in `rows`. */
  readonly keys: number;
}

/**
 * A connection that reads rows for a source, and cannot write. Errors are SpineErrors: SOURCE_NOT_FOUND for a table that is
 * not there, SOURCE_FORMAT for a query that the database refuses, SOURCE_UNAVAILABLE for what may be tried again.
 */
export interface DatabaseReader {
  /** Undefined when there is no such table or view. */
  table(schema: string | null, name: string): Promise<ReaderTable | undefined>;
  /** Rejects with the signal's reason once it is aborted; the statement is ended where the database can. */
  query(query: ReaderQuery, signal?: AbortSignal): Promise<ReaderRows>;
  /** The rows of a query, so many at a time, through a cursor of the database; only in a snapshot. */
  stream(query: ReaderQuery, rows: number, signal?: AbortSignal): AsyncIterable<ReaderRows>;
  /** A column of a key in SQL, in the form that is bound again. */
  keyColumn(column: string): string;
  /** What a key's value is bound as. */
  bind(key: JsonValue): unknown;
  close(): Promise<void>;
}
