import type { FileHandle } from "node:fs/promises";
import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from "node:zlib";
import type { AsyncBuffer, Compressors, FileMetaData, SchemaTree } from "hyparquet";
import { type JsonValue, SourceError, SpineError } from "spine-core";
import type { HeaderOfFiles } from "./header-of-files.ts";
import type { OpenedFile } from "./open-in-roots.ts";
import type { PageBuilder } from "./page-builder.ts";
import { PARSERS, type ParquetValue, valuesOf } from "./parquet-values.ts";

export interface ParquetRules {
  /** Names and order that the columns must have; null when any are right. */
  readonly columns: readonly string[] | null;
  /** Largest row group, decoded, because it is read as a whole. */
  readonly maxRowGroupBytes: number;
  readonly headers: HeaderOfFiles | null;
  readonly signal: AbortSignal | undefined;
}

const ROWS_AT_ONCE = 10_000;
/** Of a value in a list, at the least. */
const BYTES_OF_A_CELL = 8;

/** The library is an optional peer: whoever reads no Parquet does not install it. */
async function loadHyparquet(): Promise<typeof import("hyparquet")> {
  try {
    return await import("hyparquet");
  } catch (error) {
    if ((error as { code?: unknown }).code !== "ERR_MODULE_NOT_FOUND") throw error;
    throw new SpineError(
      "DRIVER_MISSING",
      "Parquet needs the package `hyparquet`, which is not installed. Run `npm install hyparquet`.",
      { cause: error },
    );
  }
}

/**
 * Reads a Parquet file row group by row group into pages; yields now and then. Groups that were delivered before are not read.
 * The line of a row is its number, from 1.
 */
export async function* readParquet(
  file: OpenedFile,
  pages: PageBuilder,
  { columns: expected, maxRowGroupBytes, headers, signal }: ParquetRules,
): AsyncGenerator<void> {
  const library = await loadHyparquet();
  const { handle, state } = file;
  await checkEnds(handle, state.size, maxRowGroupBytes);
  const source: AsyncBuffer = {
    byteLength: state.size,
    slice: (from, to) => slice(handle, state.size, from, to),
  };
  const metadata = await understood(() => library.parquetMetadataAsync(source, { geoparquet: false }));
  const schema = await understood(() => library.parquetSchema(metadata).children);
  const columns = columnsOf(schema, expected, headers);
  checkCounts(metadata);

  let start = 0;
  for (const [index, group] of metadata.row_groups.entries()) {
    signal?.throwIfAborted();
    const rows = Number(group.num_rows);
    if (pages.records + rows <= pages.before) {
      pages.skip(rows);
      start += rows;
      continue;
    }
    if (Number(group.total_byte_size) > maxRowGroupBytes) {
      throw tooLarge(`Row group ${index + 1} has ${group.total_byte_size} bytes, decoded`, maxRowGroupBytes);
    }
    // Few bytes may stand for any number of equal values, each of which takes its place in memory.
    if (rows * columns.length * BYTES_OF_A_CELL > maxRowGroupBytes) {
      throw tooLarge(
        `Row group ${index + 1} has ${rows} rows of ${columns.length} columns`,
        maxRowGroupBytes,
      );
    }
    const found = new Map(columns.map(({ name }): [string, unknown[]] => [name, []]));
    await understood(() =>
      library.parquetRead({
        file: source,
        metadata,
        rowStart: start,
        rowEnd: start + rows,
        utf8: false,
        parsers: PARSERS,
        compressors: compressorsWithin(maxRowGroupBytes, library.snappyUncompress),
        onChunk: ({ columnName, columnData }) => {
          const values = found.get(columnName);
          for (const value of columnData as Iterable<unknown>) values?.push(value);
        },
      }),
    );
    for (const { name } of columns) {
      const { length } = found.get(name) ?? [];
      if (length !== rows)
        throw malformed(
          `Column ${JSON.stringify(name)} has ${length} values in row group ${index + 1}, not ${rows}`,
        );
    }
    // Piece by piece: the rows of a group take many times what its columns do.
    const bytes = (count: number) => Math.round((Number(group.total_byte_size) * count) / rows);
    for (let from = 0; from < rows; from += ROWS_AT_ONCE) {
      const to = Math.min(rows, from + ROWS_AT_ONCE);
      await understood(() => addRows(pages, columns, found, { start, from, to }));
      pages.read(columns.length === 0 ? 0 : bytes(to) - bytes(from));
      yield;
    }
    start += rows;
  }
  await file.checkUnchanged();
}

interface Column {
  readonly name: string;
  readonly value: ParquetValue;
}

function columnsOf(
  schema: readonly SchemaTree[],
  expected: readonly string[] | null,
  headers: HeaderOfFiles | null,
): readonly Column[] {
  const names = schema.map(({ element }) => element.name);
  const refuse = (message: string): never => {
    throw new SourceError(message, { code: "SOURCE_HEADER", detail: { found: names, expected } });
  };
  if (new Set(names).size !== names.length) refuse("The file has two columns of one name.");
  if (names.includes("__proto__")) refuse('A column cannot be called "__proto__".');
  if (expected !== null && names.join("\0") !== expected.join("\0")) {
    refuse(`The file has the columns ${names.map((name) => JSON.stringify(name)).join(", ")}.`);
  }
  headers?.check(names);
  return schema.map((column) => ({ name: column.element.name, value: valuesOf(column) }));
}

function checkCounts({ num_rows, row_groups }: FileMetaData): void {
  const sum = row_groups.reduce((total, group) => total + Number(group.num_rows), 0);
  if (row_groups.some(({ num_rows: rows }) => Number(rows) < 0) || sum !== Number(num_rows)) {
    throw malformed(`The file announces ${num_rows} rows, its row groups have ${sum}`);
  }
}

function addRows(
  pages: PageBuilder,
  columns: readonly Column[],
  found: ReadonlyMap<string, readonly unknown[]>,
  { start, from, to }: { readonly start: number; readonly from: number; readonly to: number },
): void {
  for (let index = from; index < to; index++) {
    const row: Record<string, JsonValue> = {};
    let nul = false;
    for (const { name, value } of columns) {
      const cell = value(found.get(name)?.[index]);
      if (typeof cell === "string" && cell.includes("\0")) nul = true;
      row[name] = cell;
    }
    const line = start + index + 1;
    if (nul) {
      const message = "A field holds a NUL character, which databases cannot store.";
      pages.reject({ code: "NUL_CHARACTER", message, line, raw: JSON.stringify(row) }, line);
    } else pages.row(row, line);
  }
}

/** Both ends of the file have to be those of a Parquet file: its description stands at the end. */
async function checkEnds(handle: FileHandle, size: number, most: number): Promise<void> {
  const begin = Buffer.from(await slice(handle, size, 0, Math.min(4, size))).toString("latin1");
  if (begin !== "PAR1") {
    const message = begin === "PARE" ? "The file is encrypted." : "The file is not Parquet.";
    throw new SourceError(message, { code: "SOURCE_FORMAT" });
  }
  const end = size < 12 ? null : Buffer.from(await slice(handle, size, size - 8, size));
  if (end?.toString("latin1", 4) !== "PAR1") {
    throw new SourceError("The Parquet file is cut off: its description is missing.", {
      code: "SOURCE_TRUNCATED",
    });
  }
  const length = end.readUInt32LE(0);
  if (length > size - 12) throw malformed("The description of the file is longer than the file");
  if (length > most) throw tooLarge(`The description of the file has ${length} bytes`, most);
}

async function slice(handle: FileHandle, size: number, from: number, to = size): Promise<ArrayBuffer> {
  const begin = from < 0 ? size + from : from;
  if (!(begin >= 0 && begin <= to && to <= size))
    throw malformed(`It points to bytes ${begin} to ${to} of ${size}`);
  const bytes = new Uint8Array(to - begin);
  for (let at = 0; at < bytes.length; ) {
    const { bytesRead } = await handle.read(bytes, at, bytes.length - at, begin + at);
    if (bytesRead === 0)
      throw new SourceError("The file was cut while it was read.", { code: "SOURCE_CHANGED" });
    at += bytesRead;
  }
  return bytes.buffer;
}

/** Pages say how large they are once decoded, and may lie. */
function compressorsWithin(
  most: number,
  snappy: (input: Uint8Array, output: Uint8Array) => void,
): Compressors {
  let left = most;
  const checked =
    (decode: (input: Uint8Array, length: number) => Uint8Array) => (input: Uint8Array, length: number) => {
      left -= length;
      if (left < 0) throw tooLarge("A row group has more bytes than it announces", most);
      return decode(input, length);
    };
  const options = (length: number) => ({ maxOutputLength: Math.max(1, length) });
  return {
    SNAPPY: checked((input, length) => {
      const output = new Uint8Array(length);
      snappy(input, output);
      return output;
    }),
    GZIP: checked((input, length) => gunzipSync(input, options(length))),
    BROTLI: checked((input, length) => brotliDecompressSync(input, options(length))),
    ZSTD: checked((input, length) => zstdDecompressSync(input, options(length))),
  };
}

/** What the library throws about a file is said of the file. */
async function understood<T>(read: () => T | Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (SpineError.is(error) || !(error instanceof Error) || "syscall" in error) throw error;
    const { message } = error;
    if (/not supported|unsupported/.test(message)) {
      throw new SourceError(`The file holds what cannot be read: ${message}.`, {
        code: "SOURCE_FORMAT",
        cause: error,
      });
    }
    throw malformed(`The file is damaged: ${message}`, error);
  }
}

function malformed(message: string, cause?: unknown): SourceError {
  return new SourceError(`${message}.`, { code: "SOURCE_MALFORMED", cause });
}

function tooLarge(message: string, most: number): SourceError {
  return new SourceError(
    `${message}, more than the ${most} bytes (\`maxRowGroupBytes\`) that are read as a whole.`,
    {
      code: "SOURCE_TOO_LARGE",
    },
  );
}
