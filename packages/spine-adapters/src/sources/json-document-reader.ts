import { type JsonValue, SourceError } from "spine-core";
import { exactJson } from "../exact-json.ts";
import { addJsonRecord, mayHoldUnstorable } from "./json-record.ts";
import type { PageBuilder } from "./page-builder.ts";
import type { RecordReader } from "./record-reader.ts";

/** Reads a whole JSON document: an array of objects, or one object that is the only record. */
export class JsonDocumentReader implements RecordReader {
  readonly #maxBytes: number;
  readonly #pages: PageBuilder;
  #text = "";

  /** @param size bytes of the file; SOURCE_TOO_LARGE above `maxBytes`, before anything is read; 0 where they are not known */
  constructor(maxBytes: number, size: number, pages: PageBuilder) {
    this.#maxBytes = maxBytes;
    this.#pages = pages;
    if (size > maxBytes) throw tooLarge(`${size} bytes, more than`, maxBytes);
  }

  feed(text: string): void {
    this.#text += text;
    if (this.#text.length > this.#maxBytes) throw tooLarge("more than", this.#maxBytes);
  }

  end(): void {
    const text = this.#text;
    this.#text = "";
    if (text.trim() === "")
      throw new SourceError("The file holds nothing but blanks.", { code: "SOURCE_EMPTY" });
    const document = parse(text);
    const doubtful = mayHoldUnstorable(text);
    const records = Array.isArray(document) ? document : [document];
    records.forEach((value: JsonValue, index) => {
      addJsonRecord(this.#pages, value, index + 1, () => rawOf(value), doubtful);
    });
  }
}

function tooLarge(how: string, maxBytes: number): SourceError {
  return new SourceError(
    `The document has ${how} the ${maxBytes} bytes (\`maxBytes\`) that are read as a whole; large data belongs into jsonl.`,
    { code: "SOURCE_TOO_LARGE", detail: { maxBytes } },
  );
}

function parse(text: string): JsonValue {
  try {
    return exactJson(text);
  } catch (error) {
    const { message } = error as Error;
    // The parser's only ways to say that it met the end of the text.
    const ended = /unexpected end|unterminated|end of json/i.test(message);
    throw new SourceError(ended ? "The JSON document is cut off." : `The file is not JSON: ${message}`, {
      code: ended ? "SOURCE_TRUNCATED" : "SOURCE_MALFORMED",
      cause: error,
    });
  }
}

function rawOf(value: JsonValue): string {
  try {
    return JSON.stringify(value);
  } catch {
    return "(nested too deeply to be shown)";
  }
}
