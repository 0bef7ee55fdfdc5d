import type { ByteDecoder } from "./byte-decoder.ts";
import { type DecompressLimits, decompress } from "./decompress.ts";
import type { Compression } from "./file-format.ts";
import type { OpenedFile } from "./open-in-roots.ts";
import { readBytes } from "./read-bytes.ts";

export interface TextPiece {
  readonly text: string;
  /** Decoded bytes that the piece was made of. */
  readonly bytes: number;
}

export interface TextRules extends DecompressLimits {
  readonly compression: Compression | null;
  readonly decoder: ByteDecoder;
  readonly signal: AbortSignal | undefined;
}

/**
 * The text of an open file in pieces that end anywhere. Throws SOURCE_CHANGED when the file is not the same at
 * the end as it was when it was opened, and the signal's reason when it aborts.
 */
export async function* readText(file: OpenedFile, rules: TextRules): AsyncGenerator<TextPiece> {
  const { compression, decoder, signal } = rules;
  const range = { handle: file.handle, size: file.state.size, signal };
  const pieces = compression === null ? readBytes(range) : decompress(range, compression, rules);
  try {
    for await (const piece of pieces) yield { text: decoder.decode(piece), bytes: piece.length };
  } catch (error) {
    // What cannot be understood may be no more than a file that is written to.
    if (!signal?.aborted) await file.checkUnchanged();
    throw error;
  }
  await file.checkUnchanged();
  decoder.end();
}
