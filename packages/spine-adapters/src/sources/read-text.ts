import type { FileHandle } from "node:fs/promises";
import { SourceError } from "spine-core";
import type { ByteDecoder } from "./byte-decoder.ts";
import type { FileState } from "./open-in-roots.ts";

/** Bytes read at a time: larger pieces gain no speed and only delay an abort. */
const PIECE_BYTES = 256 * 1024;

export interface TextPiece {
  readonly text: string;
  /** Bytes of the file that the piece was made of. */
  readonly bytes: number;
}

/**
 * The text of an open file in pieces that end anywhere. Throws SOURCE_CHANGED when the file is not the same at
 * the end as it was when it was opened, and the signal's reason when it aborts.
 */
export async function* readText(
  handle: FileHandle,
  opened: FileState,
  decoder: ByteDecoder,
  signal: AbortSignal | undefined,
): AsyncGenerator<TextPiece> {
  const buffer = Buffer.allocUnsafe(PIECE_BYTES);
  let total = 0;
  for (;;) {
    signal?.throwIfAborted();
    const { bytesRead } = await handle.read(buffer, 0, PIECE_BYTES, null);
    if (bytesRead === 0) break;
    total += bytesRead;
    // Not only at the end: a file that is written to faster than it is read has none.
    if (total > opened.size) throw changed(opened, total);
    yield { text: decoder.decode(buffer.subarray(0, bytesRead)), bytes: bytesRead };
  }
  const now = await handle.stat();
  if (total !== opened.size || now.size !== opened.size || now.mtimeMs !== opened.mtimeMs) {
    throw changed(opened, Math.max(total, now.size));
  }
  decoder.end();
}

function changed(opened: FileState, size: number): SourceError {
  const how = size === opened.size ? "" : ` (from ${opened.size} to ${size} bytes)`;
  return new SourceError(`The file changed while it was read${how}.`, { code: "SOURCE_CHANGED" });
}
