import {
  canonicalJson,
  type JsonValue,
  type Page,
  type Row,
  type Source,
  type SourceChange,
  SourceError,
  SpineError,
  type StreamOptions,
} from "spine-core";
import { byteDecoder } from "./byte-decoder.ts";
import { DelimitedReader } from "./delimited-reader.ts";
import { recordsBefore } from "./file-cursor.ts";
import { explainFileError } from "./file-error.ts";
import { DELIMITER_OF, formatOfPath } from "./file-format.ts";
import { type FileRules, type FileSourceOptions, fileRules } from "./file-source-options.ts";
import { JsonDocumentReader } from "./json-document-reader.ts";
import { JsonLinesReader } from "./json-lines-reader.ts";
import { asSourceError, openInRoots } from "./open-in-roots.ts";
import { PageBuilder } from "./page-builder.ts";
import { readText } from "./read-text.ts";
import type { RecordReader } from "./record-reader.ts";

export interface FileRequest {
  /** Relative paths start at the source's first root. */
  readonly path: string;
}

/**
 * Reads files piece by piece: csv, psv and tsv as rows of strings exactly as they stand in the file, jsonl and
 * json as the objects they hold. Memory stays flat, except for json, which is read as a whole.
 *
 * Every record of the file comes out as a row or a reject; blank lines, headers and the trailer are neither.
 * Rejects: RAGGED_ROW, MALFORMED_QUOTES, NUL_CHARACTER, REPEATED_HEADER, INVALID_JSON.
 *
 * Errors: SOURCE_NOT_FOUND, SOURCE_NOT_A_FILE, SOURCE_EMPTY, SOURCE_NO_ROWS, SOURCE_FORMAT, SOURCE_ENCODING,
 * SOURCE_HEADER, SOURCE_DELIMITER, SOURCE_TRAILER, SOURCE_TRUNCATED, SOURCE_MALFORMED, SOURCE_LINE_TOO_LONG,
 * SOURCE_TOO_LARGE, SOURCE_CHANGED, PERMISSION_DENIED, and SOURCE_UNAVAILABLE, which is retried.
 *
 * A resumed stream reads the file again and leaves out what was delivered, provided that it is the same file.
 */
export function fileSource(options: FileSourceOptions = {}): Source<FileRequest, Row> {
  const rules = fileRules(options);
  return {
    name: rules.name,
    stream: (request, streamOptions = {}) => readFile(rules, request, streamOptions),
    changed: (request, { since, signal }) => lookAtFile(rules, request, since, signal),
  };
}

/** A file is the one that it was while its size, its time and its place on the disk are. */
async function lookAtFile(
  rules: FileRules,
  { path }: FileRequest,
  since: JsonValue | null,
  signal: AbortSignal | undefined,
): Promise<SourceChange> {
  signal?.throwIfAborted();
  try {
    const { handle } = await openInRoots(path, rules.roots);
    try {
      const { size, mtimeMs, ino } = await handle.stat();
      const mark = { size, mtimeMs, ino };
      return { changed: since === null || canonicalJson(since) !== canonicalJson(mark), mark };
    } finally {
      await handle.close();
    }
  } catch (error) {
    const known = asSourceError(error, path);
    throw SpineError.is(known) ? explainFileError(known, rules, path) : known;
  }
}

async function* readFile(
  rules: FileRules,
  request: FileRequest,
  options: StreamOptions,
): AsyncGenerator<Page> {
  const { path } = request;
  const { signal } = options;
  try {
    signal?.throwIfAborted();
    const { handle, state } = await openInRoots(path, rules.roots);
    try {
      if (state.size === 0) throw new SourceError("The file has 0 bytes.", { code: "SOURCE_EMPTY" });
      const pages = new PageBuilder(rules.batchRows, state, recordsBefore(options.cursor, state));
      const reader = readerFor(rules, path, state.size, pages);
      for await (const piece of readText(handle, state, byteDecoder(rules.encoding), signal)) {
        reader.feed(piece.text);
        pages.read(piece.bytes);
        yield* inTime(pages.full(), signal);
      }
      reader.end();
      if (pages.records === 0 && !rules.allowNoRows) {
        throw new SourceError("The file has no records.", { code: "SOURCE_NO_ROWS" });
      }
      yield* inTime([...pages.full(), ...pages.rest()], signal);
    } finally {
      await handle.close();
    }
  } catch (error) {
    // Whoever aborted gets back the very reason that they gave.
    if (signal?.aborted && error === signal.reason) throw error;
    const known = asSourceError(error, path);
    throw SpineError.is(known) ? explainFileError(known, rules, path) : known;
  }
}

/** The consumer may take its time with a page, and the signal may abort meanwhile. */
function* inTime(pages: readonly Page[], signal: AbortSignal | undefined): Generator<Page> {
  for (const page of pages) {
    signal?.throwIfAborted();
    yield page;
  }
}

function readerFor(rules: FileRules, path: string, size: number, pages: PageBuilder): RecordReader {
  const format = rules.format ?? (rules.delimiter === undefined ? formatOfPath(path) : "csv");
  if (format === "jsonl") return new JsonLinesReader(rules.maxLineBytes, pages);
  if (format === "json") return new JsonDocumentReader(rules.maxBytes, size, pages);
  return new DelimitedReader(rules, rules.delimiter ?? DELIMITER_OF[format] ?? ",", pages);
}
