import { type JsonValue, SourceError } from "spine-core";
import { exactJson } from "../exact-json.ts";
import { addJsonRecord, invalidJson, mayHoldUnstorable } from "./json-record.ts";
import { checkLineLength } from "./line-limit.ts";
import type { PageBuilder } from "./page-builder.ts";
import type { RecordReader } from "./record-reader.ts";

/** Reads one JSON object per line; blank lines are skipped. */
export class JsonLinesReader implements RecordReader {
  readonly #maxLineBytes: number;
  readonly #pages: PageBuilder;
  #rest = "";
  #line = 0;

  constructor(maxLineBytes: number, pages: PageBuilder) {
    this.#maxLineBytes = maxLineBytes;
    this.#pages = pages;
  }

  feed(text: string): void {
    const all = this.#rest + text;
    let from = 0;
    for (let at = all.indexOf("\n"); at !== -1; at = all.indexOf("\n", from)) {
      this.#record(all.slice(from, at), false);
      from = at + 1;
    }
    this.#rest = all.slice(from);
    checkLineLength(this.#rest, this.#maxLineBytes, this.#line + 1);
  }

  end(): void {
    if (this.#rest !== "") this.#record(this.#rest, true);
  }

  #record(text: string, open: boolean): void {
    this.#line += 1;
    const line = this.#line;
    checkLineLength(text, this.#maxLineBytes, line);
    if (text.trim() === "") return;
    const raw = (): string => (text.endsWith("\r") ? text.slice(0, -1) : text);
    let value: JsonValue;
    try {
      value = exactJson(text);
    } catch (error) {
      if (open) {
        throw new SourceError(`The file is cut off in line ${line}: it is not JSON and has no line end.`, {
          code: "SOURCE_TRUNCATED",
          context: { line },
          cause: error,
        });
      }
      this.#pages.reject(invalidJson(`Not JSON: ${(error as Error).message}`, raw(), line), line);
      return;
    }
    addJsonRecord(this.#pages, value, line, raw, mayHoldUnstorable(text));
  }
}
