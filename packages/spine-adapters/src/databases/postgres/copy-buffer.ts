import { copyText } from "./copy-in.ts";

/** Longer texts are written faster by the runtime than byte by byte. */
const SHORT = 64;
const BACKSLASH = 0x5c;
const TAB = 0x09;
const NEWLINE = 0x0a;

/** Rows in the text format of COPY, written cell by cell into bytes that are used again. */
export class CopyBuffer {
  #bytes: Buffer;
  length = 0;

  constructor(bytes: number) {
    this.#bytes = Buffer.allocUnsafeSlow(bytes);
  }

  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.length);
  }

  /** A value that is not the last one of its row; null where there is none. */
  cell(text: string | null): void {
    if (text === null) {
      this.#ensure(3);
      this.#bytes.write("\\N\t", this.length, "latin1");
      this.length += 3;
      return;
    }
    this.#ensure(3 * text.length + 1);
    if (text.length > SHORT || !this.#plain(text))
      this.length += this.#bytes.write(copyText(text), this.length);
    this.#bytes[this.length] = TAB;
    this.length += 1;
  }

  /** The rest of the row, escaped already. */
  endRow(rest: Uint8Array): void {
    this.#ensure(rest.length + 1);
    this.#bytes.set(rest, this.length);
    this.length += rest.length;
    this.#bytes[this.length] = NEWLINE;
    this.length += 1;
  }

  /** The last cell was the last one of its row. */
  endCells(): void {
    this.#bytes[this.length - 1] = NEWLINE;
  }

  /** A part of what stands in another one. */
  append(other: CopyBuffer, from: number, to: number): void {
    this.#ensure(to - from);
    this.length += other.#bytes.copy(this.#bytes, this.length, from, to);
  }

  /** Writes a text of characters that stand for themselves, or nothing. */
  #plain(text: string): boolean {
    const bytes = this.#bytes;
    const from = this.length;
    for (let index = 0; index < text.length; index += 1) {
      const code = text.charCodeAt(index);
      if (code > 0x7e || code < 0x20 || code === BACKSLASH) return false;
      bytes[from + index] = code;
    }
    this.length = from + text.length;
    return true;
  }

  #ensure(more: number): void {
    if (this.length + more <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(2 * (this.length + more));
    this.#bytes.copy(larger, 0, 0, this.length);
    this.#bytes = larger;
  }
}
