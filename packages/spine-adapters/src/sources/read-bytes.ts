import type { FileHandle } from "node:fs/promises";
import { changedWhileRead } from "./open-in-roots.ts";

/**
 * Bytes read at a time. Larger pieces gain no speed, and their texts are of a size (beyond 128 KiB) that V8 frees in full
 * collections only: with four times as much a large file takes 60 MiB more.
 */
export const PIECE_BYTES = 64 * 1024;

export interface ReadRange {
  readonly handle: FileHandle;
  /** Bytes that the file had when it was opened. */
  readonly size: number;
  /** First byte that is read; 0 when left out. */
  readonly from?: number;
  readonly signal: AbortSignal | undefined;
}

/**
 * The bytes of a file in pieces, the next one being read while one is worked on. A piece is good until the next one is
 * asked for. Throws SOURCE_CHANGED when the file has fewer or more bytes than it had, and the signal's reason.
 */
export async function* readBytes({ handle, size, from = 0, signal }: ReadRange): AsyncGenerator<Buffer> {
  const buffers = [Buffer.allocUnsafe(PIECE_BYTES), Buffer.allocUnsafe(PIECE_BYTES)] as const;
  let at = from;
  const read = (index: number) => {
    const reading = handle.read(buffers[index % 2] as Buffer, 0, PIECE_BYTES, at);
    // Whoever leaves does not wait for it.
    reading.catch(() => {});
    return reading;
  };
  let reading = read(0);
  for (let index = 0; ; index++) {
    signal?.throwIfAborted();
    const { bytesRead, buffer } = await reading;
    if (bytesRead === 0) break;
    at += bytesRead;
    // Not only at the end: a file that is written to faster than it is read has none.
    if (at > size) throw changedWhileRead(size, at);
    reading = read(index + 1);
    yield buffer.subarray(0, bytesRead);
  }
  if (at < size) throw changedWhileRead(size, at);
}
