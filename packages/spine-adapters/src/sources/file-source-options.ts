import {
  aBoolean,
  aFunction,
  anObject,
  aText,
  checkOptions,
  type OptionKind,
  type OptionKinds,
  oneOf,
  type Row,
  SpineError,
} from "spine-core";
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

const aSize: OptionKind = {
  is: "a whole number from 1",
  fits: (value) => Number.isSafeInteger(value) && (value as number) >= 1,
};
const texts = (value: unknown): boolean =>
  Array.isArray(value) && value.every((each) => typeof each === "string");

const OPTIONS: OptionKinds<FileSourceOptions> = {
  name: aText,
  roots: {
    is: "a list of folders",
    fits: (value) => texts(value) && (value as readonly string[]).length > 0,
  },
  format: oneOf(FILE_FORMATS),
  compression: {
    is: `${COMPRESSIONS.map((one) => `"${one}"`).join(" or ")}, or null`,
    fits: (value) => value === null || COMPRESSIONS.includes(value as Compression),
  },
  delimiter: aText,
  quote: { is: "a double quote, or null", fits: (value) => value === null || value === '"' },
  encoding: aText,
  columns: { is: "a list of names", fits: texts },
  header: aBoolean,
  trailer: {
    is: '"count", or an expression with the group `(?<count>\\d+)`, or null',
    fits: (value) =>
      value === null || (value instanceof RegExp ? value.source.includes("(?<count>") : value === "count"),
  },
  repeatedHeader: oneOf(["skip", "reject"]),
  batchRows: aSize,
  maxLineBytes: aSize,
  maxBytes: aSize,
  maxRowGroupBytes: aSize,
  maxDecodedBytes: aSize,
  maxRatio: aSize,
  allowNoRows: aBoolean,
  allowEmpty: aBoolean,
  lastRow: aFunction,
  advice: anObject,
};

/** Fills in defaults; CONFIG_INVALID for what no file could be read with. */
export function fileRules(options: FileSourceOptions): FileRules {
  checkOptions(options, OPTIONS, { of: "a file source", code: "CONFIG_INVALID" });
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
  const { delimiter } = rules;
  if (delimiter !== undefined && (delimiter.length !== 1 || '\r\n"\uFEFF'.includes(delimiter))) {
    refuse("delimiter", "must be one character, and neither a quote nor a line end");
  }
  const names = rules.columns ?? [];
  if (new Set(names).size !== names.length || names.includes("__proto__")) {
    refuse("columns", "has a name twice, or one that cannot be a key");
  }
  try {
    new TextDecoder(rules.encoding);
  } catch {
    refuse("encoding", `is not an encoding that is known here: ${JSON.stringify(rules.encoding)}`);
  }
}
