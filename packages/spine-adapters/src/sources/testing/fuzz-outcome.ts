import { type Page, SpineError } from "spine-core";
import { byteDecoder } from "../byte-decoder.ts";
import { DelimitedReader } from "../delimited-reader.ts";
import { type FileSourceOptions, fileRules } from "../file-source-options.ts";
import { JsonLinesReader } from "../json-lines-reader.ts";
import { PageBuilder } from "../page-builder.ts";

/** What a reader made of bytes: pages, or the code of its error. */
export type Outcome =
  | {
      readonly rows: readonly object[];
      readonly lines: readonly number[];
      readonly rejected: readonly number[];
    }
  | string;

/** Reads bytes as a file source does, without a file, in two pieces. Only errors of Spine are outcomes. */
export function read(
  bytes: Buffer,
  cut: number,
  delimiter: string | null,
  options: FileSourceOptions,
): Outcome {
  const pages = new PageBuilder(1_000_000, () => ({}), 0);
  const rules = fileRules({ allowNoRows: true, ...options });
  const reader =
    delimiter === null
      ? new JsonLinesReader(rules.maxLineBytes, pages)
      : new DelimitedReader(rules, delimiter, pages);
  const decoder = byteDecoder("utf-8");
  try {
    for (const piece of [bytes.subarray(0, cut), bytes.subarray(cut)])
      if (piece.length > 0) reader.feed(decoder.decode(piece));
    decoder.end();
    reader.end();
    return summary(pages.rest());
  } catch (error) {
    return codeOf(error);
  }
}

export function summary(pages: readonly Page[]): Exclude<Outcome, string> {
  return {
    rows: pages.flatMap(({ rows }) => rows),
    lines: pages.flatMap(({ lines = [] }) => lines),
    rejected: pages.flatMap(({ rejects = [] }) => rejects.map(({ line }) => line ?? 0)),
  };
}

export function codeOf(error: unknown): string {
  if (!SpineError.is(error)) throw error;
  if (!error.code.startsWith("SOURCE_")) throw error;
  return error.code;
}

export function demand(holds: boolean, what: string, found: unknown): void {
  if (!holds) throw new Error(`${what}: ${JSON.stringify(found)}`);
}

/** Which of two errors is met first depends on the pieces. */
export function same(a: Outcome, b: Outcome): boolean {
  return typeof a === "string" ? typeof b === "string" : JSON.stringify(a) === JSON.stringify(b);
}
