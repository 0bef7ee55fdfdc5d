import { type Page, SourceError } from "spine-core";
import { byteDecoder } from "./byte-decoder.ts";
import { DelimitedReader } from "./delimited-reader.ts";
import { checkSameFile, type FileAmong, type FileCursor } from "./file-cursor.ts";
import {
  type Compression,
  compressionOfPath,
  DELIMITER_OF,
  type FileFormat,
  formatOfPath,
} from "./file-format.ts";
import type { FileRules } from "./file-source-options.ts";
import type { HeaderOfFiles } from "./header-of-files.ts";
import { JsonDocumentReader } from "./json-document-reader.ts";
import { JsonLinesReader } from "./json-lines-reader.ts";
import { type FileState, type OpenedFile, openInRoots } from "./open-in-roots.ts";
import { PageBuilder } from "./page-builder.ts";
import { readParquet } from "./read-parquet.ts";
import { readText } from "./read-text.ts";
import type { RecordReader } from "./record-reader.ts";

export interface OneFile {
  readonly path: string;
  /** The last stored page's; null to begin. */
  readonly cursor: FileCursor | null;
  readonly signal: AbortSignal | undefined;
  /** Where it is one of several. */
  readonly among?: Among;
}

/** What a file has to do with those that are read with it. */
export interface Among {
  /** As it was when the files were listed. */
  readonly listed: FileState;
  readonly headers: HeaderOfFiles;
  cursor(): FileAmong;
}

/** The pages of one file. */
export async function* readOneFile(rules: FileRules, one: OneFile): AsyncGenerator<Page> {
  const { path, cursor, signal, among } = one;
  signal?.throwIfAborted();
  const file = await openInRoots(path, rules.roots);
  try {
    const { state } = file;
    if (among !== undefined) checkSameFile(among.listed, state);
    if (cursor !== null) checkSameFile(cursor, state);
    const format = rules.format ?? (rules.delimiter === undefined ? formatOfPath(path) : "csv");
    const compression = format === "parquet" ? null : compressionOf(rules, path);
    const place = () => ({ ...state, ...(among === undefined ? {} : { among: among.cursor() }) });
    const totalBytes = compression === null && format !== "parquet" ? state.size : undefined;
    const pages = new PageBuilder(rules.batchRows, place, cursor?.records ?? 0, totalBytes);
    const reading = { rules, file, format, compression, pages, headers: among?.headers ?? null, signal };
    const decoded = state.size === 0 ? 0 : yield* readInto(reading);
    if (decoded === 0 && !rules.allowEmpty) {
      const what = state.size === 0 ? "The file has" : "The archive holds";
      throw new SourceError(`${what} 0 bytes.`, { code: "SOURCE_EMPTY" });
    }
    if (decoded > 0 && pages.records === 0 && !rules.allowNoRows) {
      throw new SourceError("The file has no records.", { code: "SOURCE_NO_ROWS" });
    }
    yield* inTime([...pages.full(), ...pages.rest()], signal);
  } finally {
    await file.handle.close();
  }
}

interface Reading {
  readonly rules: FileRules;
  readonly file: OpenedFile;
  readonly format: FileFormat;
  readonly compression: Compression | null;
  readonly pages: PageBuilder;
  readonly headers: HeaderOfFiles | null;
  readonly signal: AbortSignal | undefined;
}

/** Yields full pages on the way; returns how many bytes there were, decoded. */
async function* readInto(reading: Reading): AsyncGenerator<Page, number> {
  const { rules, file, format, compression, pages, headers, signal } = reading;
  if (format === "parquet") {
    const { columns, maxRowGroupBytes } = rules;
    for await (const _group of readParquet(file, pages, { columns, maxRowGroupBytes, headers, signal }))
      yield* inTime(pages.full(), signal);
    return file.state.size;
  }
  const { maxDecodedBytes, maxRatio } = rules;
  const decoder = byteDecoder(rules.encoding);
  const reader = readerFor(reading);
  let decoded = 0;
  for await (const piece of readText(file, { compression, decoder, signal, maxDecodedBytes, maxRatio })) {
    decoded += piece.bytes;
    reader.feed(piece.text);
    pages.read(piece.bytes);
    yield* inTime(pages.full(), signal);
  }
  if (decoded > 0) reader.end();
  return decoded;
}

function compressionOf({ compression }: FileRules, path: string): Compression | null {
  return compression === undefined ? compressionOfPath(path) : compression;
}

function readerFor({ rules, format, file, compression, pages, headers }: Reading): RecordReader {
  if (format === "jsonl") return new JsonLinesReader(rules.maxLineBytes, pages);
  if (format === "json") {
    return new JsonDocumentReader(rules.maxBytes, compression === null ? file.state.size : 0, pages);
  }
  return new DelimitedReader(rules, rules.delimiter ?? DELIMITER_OF[format] ?? ",", pages, headers);
}

/** The consumer may take its time with a page, and the signal may abort meanwhile. */
function* inTime(pages: readonly Page[], signal: AbortSignal | undefined): Generator<Page> {
  for (const page of pages) {
    signal?.throwIfAborted();
    yield page;
  }
}
