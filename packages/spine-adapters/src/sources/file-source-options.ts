import { type Row, SpineError } from "spine-core";
import { COMPRESSIONS, type Compression, FILE_FORMATS, type FileFormat } from "./file-format.ts";

export interface FileSourceOptions {
  /** Under which workflows name the source; "file" when left out. */
  readonly name?: string;
  /**
   * Directories that a path must lie in once every symbolic link is followed. Relative paths of requests start
   * at the first one. The working directory when left out.
   */
  readonly roots?: readonly string[];
  /** Taken from the file's extension when left out. */
  readonly format?: FileFormat;
  /** Taken from the file's extension (`.gz`, `.zst`) when left out; null for a file that is not compressed, whatever its name. */
  readonly compression?: Compression | null;
  /** One character; makes the file a delimited one whatever its extension is. */
  readonly delimiter?: string;
  /** The quote character (the default), or null where quotes have no meaning, as in FINRA's files. */
  readonly quote?: '"' | null;
  /** A label of the Encoding Standard; "utf-8" when left out. Bytes that do not fit are errors. */
  readonly encoding?: string;
  /** Names and order that the header must have; without a header line, the names of the fields. */
  readonly columns?: readonly string[];
  /** Whether the first record is the header; true when left out. Without one, columns are col_0, col_1, … */
  readonly header?: boolean;
  /**
   * The last record announces the number of records, and is checked. "count": as a bare number (`8172`) or behind a
   * usual label (`TRAILER|8172`, `T,8172`, `Total records: 8172`). Or an expression over the whole line with the group
   * `count`: `/^99\|(?<count>\d+)\|/`.
   */
  readonly trailer?: "count" | RegExp | null;
  /** What happens to a later record that equals the header; "reject" when left out. */
  readonly repeatedHeader?: "skip" | "reject";
  /** Rows and rejects in a page at most; 10,000 when left out. */
  readonly batchRows?: number;
  /** Longest record in bytes; 1 MiB when left out. */
  readonly maxLineBytes?: number;
  /** Largest document of format "json", in bytes, because it is read as a whole; 64 MiB when left out. */
  readonly maxBytes?: number;
  /** Largest row group of a parquet file, decoded, in bytes, because it is read as a whole; 256 MiB when left out. */
  readonly maxRowGroupBytes?: number;
  /** Most bytes that may come out of a compressed file; 64 GiB when left out. */
  readonly maxDecodedBytes?: number;
  /** Most bytes for each byte of a compressed file, from 16 MiB on; 250 when left out. */
  readonly maxRatio?: number;
  /** Lets a file with a header and no records through. A file of 0 bytes is an error nevertheless. */
  readonly allowNoRows?: boolean;
  /** Takes a file of 0 bytes for one without records; without it, it is a download that failed. */
  readonly allowEmpty?: boolean;
  /** Judges the last row of a file that does not end in a line end: a text says how it is seen to be cut off. */
  readonly lastRow?: (row: Row) => string | null;
  /**
   * What to do about an error, by its code, instead of what is said otherwise: for a source of a fixed format, whose
   * users cannot set the options that are named there.
   */
  readonly advice?: Readonly<Record<string, string>>;
}

/** {@link FileSourceOptions} with every default filled in; `format` and `delimiter` wait for the path. */
export interface FileRules
  extends Required<Omit<FileSourceOptions, "format" | "compression" | "delimiter" | "columns" | "lastRow">> {
  readonly format: FileFormat | undefined;
  readonly compression: Compression | null | undefined;
  readonly delimiter: string | undefined;
  readonly columns: readonly string[] | null;
  readonly lastRow: ((row: Row) => string | null) | null;
}

const OPTIONS: ReadonlySet<string> = new Set(
  Object.keys({
    name: true,
    roots: true,
    format: true,
    compression: true,
    delimiter: true,
    quote: true,
    encoding: true,
    columns: true,
    header: true,
    trailer: true,
    repeatedHeader: true,
    batchRows: true,
    maxLineBytes: true,
    maxBytes: true,
    maxRowGroupBytes: true,
    maxDecodedBytes: true,
    maxRatio: true,
    allowNoRows: true,
    allowEmpty: true,
    lastRow: true,
    advice: true,
  } satisfies Record<keyof FileSourceOptions, true>),
);

/** Fills in defaults; CONFIG_INVALID for what no file could be read with. */
export function fileRules(options: FileSourceOptions): FileRules {
  const unknown = Object.keys(options).filter((option) => !OPTIONS.has(option));
  if (unknown.length > 0) {
    throw new SpineError(
      "CONFIG_INVALID",
      `File source: there is no option ${unknown.map((option) => `\`${option}\``).join(", ")}. There are ${[...OPTIONS].join(", ")}.`,
    );
  }
  const rules: FileRules = {
    name: options.name ?? "file",
    roots: options.roots ?? [process.cwd()],
    format: options.format,
    compression: options.compression,
    delimiter: options.delimiter,
    quote: options.quote === undefined ? '"' : options.quote,
    encoding: options.encoding ?? "utf-8",
    columns: options.columns ?? null,
    header: options.header ?? true,
    trailer: options.trailer ?? null,
    repeatedHeader: options.repeatedHeader ?? "reject",
    batchRows: options.batchRows ?? 10_000,
    maxLineBytes: options.maxLineBytes ?? 1024 * 1024,
    maxBytes: options.maxBytes ?? 64 * 1024 * 1024,
    maxRowGroupBytes: options.maxRowGroupBytes ?? 256 * 1024 * 1024,
    maxDecodedBytes: options.maxDecodedBytes ?? 64 * 1024 ** 3,
    maxRatio: options.maxRatio ?? 250,
    allowNoRows: options.allowNoRows ?? false,
    allowEmpty: options.allowEmpty ?? false,
    lastRow: options.lastRow ?? null,
    advice: options.advice ?? {},
  };
  check(rules);
  return rules;
}

function check(rules: FileRules): void {
  const refuse = (option: string, why: string): never => {
    throw new SpineError("CONFIG_INVALID", `File source "${rules.name}": \`${option}\` ${why}.`);
  };
  if (rules.roots.length === 0) refuse("roots", "is empty");
  if (rules.format !== undefined && !FILE_FORMATS.includes(rules.format)) {
    refuse("format", `is none of ${FILE_FORMATS.join(", ")}`);
  }
  const { compression, trailer } = rules;
  if (compression !== undefined && compression !== null && !COMPRESSIONS.includes(compression)) {
    refuse("compression", `is none of ${COMPRESSIONS.join(", ")}`);
  }
  if (
    trailer instanceof RegExp
      ? !trailer.source.includes("(?<count>")
      : trailer !== null && trailer !== "count"
  ) {
    refuse("trailer", 'must be "count", or an expression with the group `(?<count>\\d+)`');
  }
  if (rules.quote !== null && rules.quote !== '"') refuse("quote", "must be a double quote or null");
  const { delimiter } = rules;
  if (delimiter !== undefined && (delimiter.length !== 1 || '\r\n"\uFEFF'.includes(delimiter))) {
    refuse("delimiter", "must be one character, and neither a quote nor a line end");
  }
  const names = rules.columns ?? [];
  if (new Set(names).size !== names.length || names.includes("__proto__")) {
    refuse("columns", "has a name twice, or one that cannot be a key");
  }
  for (const option of [
    "batchRows",
    "maxLineBytes",
    "maxBytes",
    "maxRowGroupBytes",
    "maxDecodedBytes",
    "maxRatio",
  ] as const) {
    if (!Number.isSafeInteger(rules[option]) || rules[option] < 1)
      refuse(option, "must be a positive integer");
  }
  try {
    new TextDecoder(rules.encoding);
  } catch {
    refuse("encoding", `is not an encoding that is known here: ${JSON.stringify(rules.encoding)}`);
  }
}
