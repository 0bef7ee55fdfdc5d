import type { Kysely } from "kysely";
import type { AnySchema } from "../database/database-transaction.ts";
import type { JsonValue } from "../json.ts";
import type { Reject, Row } from "../sources/source.ts";
import type { ColumnBlock } from "./column-block.ts";
import type { MarkValue } from "./mark.ts";
import type { StagedTables } from "./staged-rows.ts";
import type { Table } from "./table.ts";

declare const rowType: unique symbol;

/**
 * Rows that a step made, kept by reference: small enough to be a step's output, while the rows stay in the
 * dataset store until retention removes them.
 */
export interface DatasetRef<R extends object = Row> {
  readonly dataset: string;
  /** Rows in the dataset. */
  readonly rows: number;
  /** Rows refused while it was written. */
  readonly rejected: number;
  /** Bytes as stored. */
  readonly bytes: number;
  /** Hash over the hashes of the chunks: equal rows in equal chunks give an equal hash. */
  readonly hash: string;
  /** The columns that rows have, with the types of JSON that were seen in each; at most a thousand of them. */
  readonly schema?: DatasetSchema;
  /** Of an incremental fetch: what of its source it covers. */
  readonly incremental?: Increment;
  /** Of rows that a step of another run refused, and of what is made of them: how many they were. */
  readonly redriven?: Redriven;
  /** Exists only for the type checker: the type of the rows. */
  readonly [rowType]?: R;
}

/** The rows that a step of another run refused. */
export interface Redriven {
  readonly run: string;
  readonly step: string;
  readonly rows: number;
}

/** The types of values as JSON has them. */
export type JsonType = "null" | "boolean" | "number" | "string" | "array" | "object";
/** By column, in the order in which they were first seen; the types of each in alphabetical order. */
export type DatasetSchema = Readonly<Record<string, readonly JsonType[]>>;

/** What of its source an incremental fetch covers. */
export interface Increment {
  /** Values from here on were asked for; null: from the beginning. */
  readonly since: MarkValue | null;
  /** Values before this one were asked for; null: to the end. */
  readonly until: MarkValue | null;
  /** The greatest value that runs have delivered, this one included; where the next one begins. Null for a backfill, or without rows. */
  readonly mark: MarkValue | null;
  /** Rows that the run before had delivered already; not in the dataset. */
  readonly duplicates: number;
  /** Rows that the source delivered although they lie outside of what was asked for; not in the dataset. */
  readonly outside: number;
}

export type RowOf<Ref> = Ref extends DatasetRef<infer R> ? R : never;

/** One piece of a dataset. A chunk is a checkpoint: rows, cursor, rejects and counters commit together. */
export interface DatasetChunk {
  /** 0-based; a writer appends them in order. */
  readonly index: number;
  readonly rows: readonly Row[];
  /**
   * The same rows column by column, where the store keeps them so: whoever needs no objects saves the making of them. One
   * after another they are all rows in their order.
   */
  readonly blocks?: readonly ColumnBlock[];
  /** Source line of each row, parallel to `rows`; null where the source has none. */
  readonly lines: readonly number[] | null;
  /** The file that the lines count in, where the source reads several. */
  readonly file?: string | null;
}

export interface ChunkWrite extends Omit<DatasetChunk, "blocks"> {
  /**
   * The table that the rows are on their way to: they are kept as rows of a staging table with its columns, of which there is
   * one for the dataset, and not as a chunk that could be read. `DatabaseTransaction.moveStaged` brings them there.
   */
  readonly into?: Table;
  readonly rejects: readonly Reject[];
  /** Where the writing step goes on after this chunk. */
  readonly cursor: JsonValue;
}

/** Who writes a dataset: the step of a run, under the run's fence. */
export interface DatasetWriter {
  readonly runId: string;
  readonly step: string;
  /** The run's fencing token; a writer with an older token is refused (FENCED). */
  readonly token: number;
  /**
   * The attempt's: once it is aborted, nothing is tried again for it. The next attempt has the same token, and must not find
   * in its way what an earlier one still wanted to write.
   */
  readonly signal?: AbortSignal;
}

/** Where the rows of a dataset came from: it stands with the dataset once it is whole. */
export interface SealOptions {
  /** The name of the source that it was read from. */
  readonly source?: string;
  /** What was read, in the source's own words. */
  readonly locator?: string | null;
  /** The dataset that it was made of. */
  readonly madeOf?: string;
}

/** What is stored of a dataset so far: where a resumed step goes on. */
export interface DatasetState {
  readonly dataset: string;
  readonly chunks: number;
  readonly rows: number;
  readonly rejected: number;
  readonly bytes: number;
  /** The cursor of the last chunk; null before the first. */
  readonly cursor: JsonValue | null;
  /** True once `seal` has been called: the dataset is whole and does not change any more. */
  readonly sealed: boolean;
}

/** A refused row as stored. */
export interface StoredReject extends Reject {
  readonly file: string | null;
  readonly runId: string;
  readonly step: string;
  /** Position among the rejects of its dataset, from 0. */
  readonly index: number;
}

export interface RejectQuery {
  readonly runId: string;
  readonly step?: string;
  /** At most this many; 100 when left out. */
  readonly limit?: number;
  /** Continue after this reject of the same step. */
  readonly after?: number;
}

/**
 * Where datasets are kept. Conformance suite: `testDatasetStore` in `spine-core/testing`.
 */
export interface DatasetStore {
  /**
   * Opens the dataset of a step for writing: a new one, or the one that an earlier attempt left, with its
   * state. From then on only this token may write to it. With `fresh`, what is there is dropped first.
   */
  open(writer: DatasetWriter, options?: { readonly fresh?: boolean }): Promise<DatasetState>;
  /** Appends one chunk: durable when it resolves, whole or not at all. FENCED for a writer that lost it. */
  append(writer: DatasetWriter, dataset: string, chunk: ChunkWrite): Promise<DatasetState>;
  /** Ends the writing; the dataset can be read from now on. Idempotent. */
  seal(writer: DatasetWriter, dataset: string, options?: SealOptions): Promise<DatasetRef>;
  /** The chunks in order, from `fromChunk` on. Throws when the dataset is gone or not sealed. */
  read(
    dataset: string,
    options?: { readonly fromChunk?: number; readonly signal?: AbortSignal },
  ): AsyncIterable<DatasetChunk>;
  /**
   * Asks about datasets in SQL: each is a table for as long as `work` goes on, with its rows in the columns that were named and
   * their position in `_spine_row`, on a connection that sees the database's own tables beside them and cannot write them.
   * Decimals are exact; where a database has no type for them, `<column>_units` are whole units of 10^-6.
   */
  withRows<T>(tables: StagedTables, work: (kysely: Kysely<AnySchema>) => Promise<T>): Promise<T>;
  /** Whether the rows of a dataset stand in a staging table (still). */
  isStaged(dataset: string): Promise<boolean>;
  /** Rejected rows of a run in the order in which they were met. */
  rejects(query: RejectQuery): Promise<readonly StoredReject[]>;
  /** Removes the datasets and rejects of a run, and what was staged of them. */
  remove(runId: string): Promise<void>;
  /**
   * Removes up to `limit` datasets, with their rejects, that were begun before `before` (ms since the epoch) and whose
   * run is not in the history any more: what pruning the history leaves behind. Returns how many; fewer than
   * `limit` when there are no more.
   */
  prune(options: { readonly before: number; readonly limit: number }): Promise<number>;
}
