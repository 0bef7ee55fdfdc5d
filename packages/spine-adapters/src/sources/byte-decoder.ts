import { isUtf8 } from "node:buffer";
import { TextDecoder } from "node:util";
import { SourceError } from "spine-core";

/** Turns the bytes of a file into text piece by piece; a byte order mark is left out. */
export interface ByteDecoder {
  /** The characters that end in these bytes; SOURCE_ENCODING when they are not in the encoding. */
  decode(bytes: Buffer): string;
  /** Ends the text; SOURCE_TRUNCATED when a character is only half there. */
  end(): void;
}

/** A decoder for a label of the Encoding Standard. UTF-8 takes a path of its own, several times as fast. */
export function byteDecoder(encoding: string): ByteDecoder {
  const label = new TextDecoder(encoding).encoding;
  return label === "utf-8" ? new Utf8Decoder() : new LabelDecoder(label);
}

class Utf8Decoder implements ByteDecoder {
  /** Bytes of the file before `#tail`. */
  #offset = 0;
  #tail: Buffer = Buffer.alloc(0);

  decode(bytes: Buffer): string {
    let all = this.#tail.length === 0 ? bytes : Buffer.concat([this.#tail, bytes]);
    if (this.#offset === 0) {
      refuseOtherContent(all);
      if (all[0] === 0xef && all[1] === 0xbb && all[2] === 0xbf) {
        this.#offset = 3;
        all = all.subarray(3);
      }
    }
    const whole = all.subarray(0, wholeLength(all));
    if (!isUtf8(whole)) {
      const at = firstInvalid(whole);
      const byte = (whole[at] ?? 0).toString(16).toUpperCase().padStart(2, "0");
      throw wrongEncoding(
        `Byte 0x${byte} at offset ${this.#offset + at} is not valid UTF-8; the file may be windows-1252 (latin-1).`,
        this.#offset + at,
      );
    }
    // A copy, because the caller reads its next bytes into the same buffer.
    this.#tail = Buffer.from(all.subarray(whole.length));
    this.#offset += whole.length;
    return whole.toString("utf8");
  }

  end(): void {
    if (this.#tail.length > 0) throw halfACharacter("UTF-8");
  }
}

class LabelDecoder implements ByteDecoder {
  readonly #decoder: TextDecoder;
  #offset = 0;

  constructor(label: string) {
    this.#decoder = new TextDecoder(label, { fatal: true });
  }

  decode(bytes: Buffer): string {
    try {
      const text = this.#decoder.decode(bytes, { stream: true });
      this.#offset += bytes.length;
      return text;
    } catch {
      const { encoding } = this.#decoder;
      const to = this.#offset + bytes.length;
      throw wrongEncoding(`Bytes ${this.#offset} to ${to} are not valid ${encoding}.`, this.#offset);
    }
  }

  end(): void {
    try {
      this.#decoder.decode();
    } catch {
      throw halfACharacter(this.#decoder.encoding);
    }
  }
}

/** Length without an unfinished character at the end. */
function wholeLength(bytes: Buffer): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back] ?? 0;
    if (byte < 0x80) break;
    if (byte >= 0xf8) break;
    if (byte >= 0xc0) {
      const needed = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
      return needed > back ? bytes.length - back : bytes.length;
    }
  }
  return bytes.length;
}

/** Index of the first byte that does not fit: the longest valid beginning is found by bisection. */
function firstInvalid(bytes: Buffer): number {
  let valid = 0;
  let invalid = bytes.length;
  while (invalid - valid > 1) {
    const middle = (valid + invalid) >>> 1;
    const beginning = bytes.subarray(0, middle);
    if (isUtf8(beginning.subarray(0, wholeLength(beginning)))) valid = middle;
    else invalid = middle;
  }
  // What is missing its end is valid so far, and is what the wrong byte was to be a part of.
  return wholeLength(bytes.subarray(0, valid));
}

/** Names what people most often hand over instead of text. */
function refuseOtherContent(bytes: Buffer): void {
  const magic = bytes.toString("latin1", 0, 4);
  if (magic.startsWith("\xFF\xFE") || magic.startsWith("\xFE\xFF")) {
    const encoding = magic.startsWith("\xFF") ? "utf-16le" : "utf-16be";
    throw wrongEncoding(`The file begins with a UTF-16 byte order mark: it is ${encoding}.`, 0);
  }
  const packed = [
    ["\x1F\x8B", "gzip"],
    ["PK\x03\x04", "zip"],
    ["\x28\xB5\x2F\xFD", "zstd"],
  ].find(([beginning = "", _name]) => magic.startsWith(beginning))?.[1];
  if (packed !== undefined) {
    const way = packed === "zip" ? "it has to be unpacked first" : "its name or `compression` has to say so";
    throw new SourceError(`The file is compressed (${packed}); ${way}.`, { code: "SOURCE_FORMAT" });
  }
}

function wrongEncoding(message: string, offset: number): SourceError {
  return new SourceError(message, { code: "SOURCE_ENCODING", context: { offset } });
}

function halfACharacter(encoding: string): SourceError {
  return new SourceError(
    `The file ends in the middle of a character: it is cut off, or its encoding is not ${encoding}.`,
    { code: "SOURCE_TRUNCATED" },
  );
}
