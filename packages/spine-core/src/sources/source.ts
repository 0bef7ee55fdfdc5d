import type { JsonValue } from "../json.ts";
import type { RateBudgets } from "./rate-budgets.ts";

/** A row as sources deliver it. */
export type Row = Readonly<Record<string, unknown>>;

/** A row that was refused, kept with the reason, so that it can be fixed and driven again. */
export interface Reject {
  /** Upper-case reason code, e.g. `RAGGED_ROW`, `INVALID_SYMBOL`. */
  readonly code: string;
  readonly message: string;
  /** 1-based line (or record) number in the source; null where there is none. */
  readonly line: number | null;
  /** The file that the line counts in, where the source reads several; that of its page when left out. */
  readonly file?: string | null;
  /** The row as it was read: text of the line, or the parsed row. */
  readonly raw: JsonValue;
}

/** What a source delivers at a time. A page is also a checkpoint: after it, reading can go on at `cursor`. */
export interface Page<R extends object = Row> {
  readonly rows: readonly R[];
  /** The line number of each row, parallel to `rows`; left out where the source has no lines. */
  readonly lines?: readonly number[];
  /** The file that rows and rejects are of, where the source reads several: a page is of one. */
  readonly file?: string | null;
  /** Rows that the source itself could not make sense of. */
  readonly rejects?: readonly Reject[];
  /** Where to go on after this page; passed back as `options.cursor`. */
  readonly cursor: JsonValue;
  /** Decoded bytes that this page took, for progress. */
  readonly bytes?: number;
  /** Bytes in the whole source, where known, for progress. */
  readonly totalBytes?: number;
}

export interface StreamOptions {
  /** Aborts the reading; the stream then throws the signal's reason. */
  readonly signal?: AbortSignal;
  /** The cursor of the last page that was stored; null or absent to start at the beginning. */
  readonly cursor?: JsonValue | null;
  /** Counts requests against limits that all processes share; without it a source counts within itself. */
  readonly budgets?: RateBudgets;
}

export interface ChangedOptions extends Pick<StreamOptions, "signal" | "budgets"> {
  /** What the content was recognised by; null where nothing is known. */
  readonly since: JsonValue | null;
}

/** What a source says of its content, compared with what it was recognised by before. */
export interface SourceChange {
  readonly changed: boolean;
  /** What the content is recognised by now, e.g. an ETag or a hash; passed back as `since`. */
  readonly mark: JsonValue;
}

/**
 * Where rows come from. Conformance suite: `testSource` in `spine-core/testing`.
 *
 * `stream` throws a SpineError of category SOURCE (not retried), TRANSIENT, DEPENDENCY, TIMEOUT or
 * RATE_LIMIT (retried), and never ends quietly before the source's own end.
 */
export interface Source<Request = never, R extends object = Row> {
  readonly name: string;
  stream(request: Request, options?: StreamOptions): AsyncIterable<Page<R>>;
  /**
   * True where a page costs nobody anything to be read again, e.g. of a file: then the next one is read while one is being stored, and
   * a crash may cost it. Otherwise no page is asked for before the one before it is stored.
   */
  readonly readsAhead?: boolean;
  /**
   * What a request reads, in few words that do not change from day to day and hold no secret: a path, a URL. It is recorded with the
   * rows, so that it can be said what they came from; left out, that is the source's name only.
   */
  describe?(request: Request): string;
  /** Whether there is anything new since a mark (null: none is known), without reading it; left out where that cannot be said. */
  changed?(request: Request, options: ChangedOptions): Promise<SourceChange>;
}
