import { Readable } from "node:stream";
import { createGunzip, createZstdDecompress } from "node:zlib";
import { SourceError } from "spine-core";
import type { Compression } from "./file-format.ts";
import { PIECE_BYTES, type ReadRange, readBytes } from "./read-bytes.ts";

/** How much may come out of a compressed file. */
export interface DecompressLimits {
  readonly maxDecodedBytes: number;
  /** Decoded bytes for each byte of the file. */
  readonly maxRatio: number;
}

/** Up to here no ratio is suspicious: a small file of equal rows is no bomb. */
const HARMLESS_BYTES = 16 * 1024 * 1024;
const MAGIC: Readonly<Record<Compression, string>> = { gz: "\x1F\x8B", zst: "\x28\xB5\x2F\xFD" };

/**
 * What a compressed file holds, in pieces. All members of a gzip file and all frames of a zstd file are read; zeros behind
 * the last one are padding.
 *
 * Errors: SOURCE_TRUNCATED for an archive that is cut, SOURCE_MALFORMED for a damaged one or one with something behind it,
 * SOURCE_FORMAT for something else, SOURCE_TOO_LARGE above a limit, SOURCE_CHANGED.
 */
export async function* decompress(
  range: ReadRange,
  compression: Compression,
  { maxDecodedBytes, maxRatio }: DecompressLimits,
): AsyncGenerator<Buffer> {
  const { size, signal } = range;
  let decoded = 0;
  let from = 0;
  while (from < size && (from === 0 || (await hasMore({ ...range, from })))) {
    const stream =
      compression === "gz"
        ? createGunzip({ chunkSize: PIECE_BYTES })
        : createZstdDecompress({ chunkSize: PIECE_BYTES });
    // Copies, because a piece is good only until the next one.
    const bytes = Readable.from(copies(readBytes({ ...range, from })), { highWaterMark: 1 });
    bytes.on("error", (error) => stream.destroy(error)).pipe(stream);
    try {
      for await (const piece of stream as AsyncIterable<Buffer>) {
        signal?.throwIfAborted();
        decoded += piece.length;
        if (decoded > maxDecodedBytes) {
          throw tooLarge(`More than ${maxDecodedBytes} bytes (\`maxDecodedBytes\`) come out of the file.`);
        }
        if (decoded > HARMLESS_BYTES && decoded > size * maxRatio) {
          throw tooLarge(`More than ${maxRatio} times its size (\`maxRatio\`) comes out of the file.`);
        }
        yield piece;
      }
      if (stream.bytesWritten === 0) throw behind(from);
      from += stream.bytesWritten;
    } catch (error) {
      throw await explain(error, compression, { ...range, from });
    } finally {
      bytes.destroy();
      stream.destroy();
    }
  }
}

async function* copies(pieces: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  for await (const piece of pieces) yield Buffer.from(piece);
}

/** Whether anything but zeros follows. */
async function hasMore(range: ReadRange): Promise<boolean> {
  for await (const piece of readBytes(range)) if (piece.some((byte) => byte !== 0)) return true;
  return false;
}

async function explain(error: unknown, compression: Compression, range: ReadRange): Promise<unknown> {
  if (!(error instanceof Error) || !("code" in error) || !/^Z_|^ZSTD_/.test(String(error.code))) return error;
  const { code, message } = error as Error & { code: string };
  const options = { cause: error };
  const archive = `The archive (${compression})`;
  if (code === "Z_BUF_ERROR") {
    return new SourceError(`${archive} is cut off.`, { code: "SOURCE_TRUNCATED", ...options });
  }
  if (message === "incorrect header check" || code === "ZSTD_error_prefix_unknown") {
    const { buffer } = await range.handle.read(Buffer.alloc(4), 0, 4, 0);
    if (!buffer.toString("latin1").startsWith(MAGIC[compression])) {
      return new SourceError(`The file is not compressed with ${compression}.`, {
        code: "SOURCE_FORMAT",
        ...options,
      });
    }
    return behind(range.from ?? 0, error);
  }
  return new SourceError(`${archive} is damaged: ${message}.`, { code: "SOURCE_MALFORMED", ...options });
}

function behind(at: number, cause?: unknown): SourceError {
  return new SourceError(`Something else than the archive stands behind byte ${at}.`, {
    code: "SOURCE_MALFORMED",
    cause,
  });
}

function tooLarge(message: string): SourceError {
  return new SourceError(message, { code: "SOURCE_TOO_LARGE" });
}
