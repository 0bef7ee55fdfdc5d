import { type Row, SourceError } from "spine-core";
import { checkTrailer, cutOff, type DelimitedRecord, rejectOf, unclosedQuote } from "./delimited-faults.ts";
import type { FileRules } from "./file-source-options.ts";
import { checkHeader } from "./header-check.ts";
import type { HeaderOfFiles } from "./header-of-files.ts";
import { checkLineLength } from "./line-limit.ts";
import type { PageBuilder } from "./page-builder.ts";
import type { RecordReader } from "./record-reader.ts";
import { lineEnds, recordSplitter, type SplitText } from "./record-splitter.ts";
import { type TrailerForm, trailerForm } from "./trailer.ts";

const BYTE_ORDER_MARK = 0xfeff;

/** Objects with more keys than about this many are hash tables, which are copied slowly. */
const MAX_TEMPLATE = 100;

/** What the rows of a file have in common. */
interface Shape {
  readonly columns: readonly string[];
  /** A row without values: a copy of it is faster than an object that grows key by key. */
  readonly template: Row;
  /** Whether a record with all columns may be the trailer. */
  readonly likeTrailer: boolean;
  /** A record that begins with one of these may be a header… */
  readonly names: ReadonlySet<string>;
  /** …which nearly none does: 1 at the lengths that names have, for a look at a number is faster than one at a text. */
  readonly lengths: Uint8Array;
}

/** Reads csv, psv and tsv. Every record becomes a row or a reject, or is blank, a header or the trailer. */
export class DelimitedReader implements RecordReader {
  readonly #rules: FileRules;
  readonly #delimiter: string;
  readonly #pages: PageBuilder;
  readonly #headers: HeaderOfFiles | null;
  readonly #split: (text: string, last: boolean) => SplitText;
  readonly #trailer: TrailerForm | null;
  #rest = "";
  /** Line at which the next record begins. */
  #line = 1;
  #shape: Shape | null = null;
  /** A record that is the trailer unless another one follows. */
  #held: DelimitedRecord | null = null;

  /** @param headers what the headers of several files have to agree with; null for a file that is read alone */
  constructor(rules: FileRules, delimiter: string, pages: PageBuilder, headers: HeaderOfFiles | null = null) {
    this.#rules = rules;
    this.#delimiter = delimiter;
    this.#pages = pages;
    this.#headers = headers;
    this.#split = recordSplitter(delimiter);
    this.#trailer = trailerForm(rules.trailer, delimiter);
  }

  feed(text: string): void {
    const malformed = this.#take(this.#rest + text, false);
    const { maxLineBytes } = this.#rules;
    // Where quotes make no sense, the rest of the file would be taken for one field.
    if (malformed && this.#rest.length > maxLineBytes) throw unclosedQuote(this.#line, true);
    const hint = this.#rest.includes("\n") ? "; a quote that opens there is not closed" : "";
    checkLineLength(this.#rest, maxLineBytes, this.#line, hint);
  }

  end(): void {
    // A CR at the very end is half of a line end, also after a closing quote. Without quotes it is taken off like any other.
    const half = this.#rest.endsWith("\r") && this.#rest.includes('"');
    const rest = half ? this.#rest.slice(0, -1) : this.#rest;
    if (rest !== "") this.#take(rest, true);
    if (this.#shape === null) {
      throw new SourceError("The file holds nothing but blank lines.", { code: "SOURCE_EMPTY" });
    }
    if (this.#trailer !== null) {
      const raw = this.#held?.raw();
      const trailer =
        raw === undefined ? null : { line: this.#held?.line ?? 0, count: this.#trailer.count(raw) };
      checkTrailer(trailer, this.#pages.records);
    }
  }

  /** Takes the records of a text, and says whether what is left over has malformed quotes. */
  #take(text: string, last: boolean): boolean {
    if (this.#rules.quote !== null && text.includes(this.#rules.quote)) return this.#takeQuoted(text, last);
    this.#takePlain(text, last);
    return false;
  }

  /** Takes records without quotes: each is a line, and nearly each has just the right number of fields. */
  #takePlain(text: string, last: boolean): void {
    const delimiter = this.#delimiter;
    const doubtful = text.includes("\0") || text.length * 3 > this.#rules.maxLineBytes;
    let at = 0;
    let next = text.indexOf(delimiter);
    for (let end = text.indexOf("\n"); end !== -1; end = text.indexOf("\n", at)) {
      const shape = this.#shape;
      if (shape !== null && this.#held === null && !doubtful) {
        const { columns, lengths } = shape;
        const firstLength = next - at;
        const row: Record<string, string> = { ...(shape.template as Record<string, string>) };
        const most = columns.length - 1;
        let from = at;
        let index = 0;
        while (index < most && next !== -1 && next < end) {
          row[columns[index] as string] = text.slice(from, next);
          from = next + 1;
          next = text.indexOf(delimiter, from);
          index += 1;
        }
        if (index === most && most > 0 && (next === -1 || next > end)) {
          const stop = end > from && text.charCodeAt(end - 1) === 13 ? end - 1 : end;
          row[columns[index] as string] = text.slice(from, stop);
          // What may be anything else than a row is looked at closely.
          if (
            !(lengths[firstLength] === 1 && shape.names.has(row[columns[0] as string] as string)) &&
            text.charCodeAt(at) !== BYTE_ORDER_MARK &&
            !(shape.likeTrailer && this.#isTrailer(text.slice(at, stop)))
          ) {
            this.#pages.row(row, this.#line);
            this.#line += 1;
            at = end + 1;
            continue;
          }
        }
      }
      this.#lookAtLine(text.slice(at, end), false);
      at = end + 1;
      next = text.indexOf(delimiter, at);
    }
    this.#rest = text.slice(at);
    if (last && this.#rest !== "") this.#lookAtLine(this.#rest, true);
  }

  #isTrailer(raw: string): boolean {
    return this.#trailer?.matches(raw) ?? false;
  }

  /** @param text a line without its LF */
  #lookAtLine(text: string, open: boolean): void {
    const line = this.#line;
    this.#line += 1;
    checkLineLength(text, this.#rules.maxLineBytes, line);
    const raw = text.endsWith("\r") ? text.slice(0, -1) : text;
    this.#look({ fields: raw.split(this.#delimiter), line, malformed: false, open, raw: () => raw });
  }

  #takeQuoted(text: string, last: boolean): boolean {
    const split = this.#split(text, last);
    const count = split.records.length;
    const { maxLineBytes } = this.#rules;
    const lengths = text.length * 3 > maxLineBytes;
    const nul = text.includes("\0");
    for (let index = 0; index < count; index++) {
      const fields = split.records[index] as string[];
      const line = this.#line;
      this.#line += 1;
      if (split.multiline) for (const field of fields) this.#line += lineEnds(field);
      const open = last && index === count - 1;
      const malformed = split.malformed.size > 0 && split.malformed.has(index);
      if (open && split.unclosed) throw unclosedQuote(line, malformed);
      if (lengths) checkLineLength(split.raw(index), maxLineBytes, line);

      const shape = this.#shape;
      if (
        shape !== null &&
        fields.length === shape.columns.length &&
        fields.length > 1 &&
        !(shape.lengths[fields[0]?.length ?? 0] === 1 && shape.names.has(fields[0] as string)) &&
        fields[0]?.charCodeAt(0) !== BYTE_ORDER_MARK &&
        !shape.likeTrailer &&
        this.#held === null &&
        !(open || malformed || nul)
      ) {
        this.#pages.row(toRow(fields, shape), line);
      } else {
        this.#look({ fields, line, malformed, open, raw: () => split.raw(index) });
      }
    }
    this.#rest = text.slice(split.consumed);
    return split.malformed.has(count);
  }

  #look(record: DelimitedRecord): void {
    const { fields } = record;
    if (fields.length === 1 && fields[0] === "" && record.raw() === "") return;
    if (this.#shape === null) {
      const { header, columns } = this.#rules;
      this.#shape = this.#shapeOf(
        header ? this.#header(record) : (columns ?? fields.map((_field, index) => `col_${index}`)),
      );
      if (header) return;
    }
    const held = this.#held;
    this.#held = null;
    if (held !== null) this.#data(held, this.#shape);
    if (this.#trailer !== null && !record.malformed && this.#isTrailer(record.raw())) this.#held = record;
    else this.#data(record, this.#shape);
  }

  #shapeOf(columns: readonly string[]): Shape {
    return {
      columns,
      template: columns.length > MAX_TEMPLATE ? {} : Object.fromEntries(columns.map((name) => [name, ""])),
      likeTrailer: (this.#trailer?.fields ?? 0) >= columns.length,
      names: new Set(columns),
      lengths: lengthsOf(columns),
    };
  }

  #header(record: DelimitedRecord): readonly string[] {
    const raw = record.raw();
    const expected = this.#rules.columns;
    if (raw.includes("\0")) {
      throw new SourceError("The header holds NUL characters; the file may be UTF-16.", {
        code: "SOURCE_ENCODING",
      });
    }
    if (record.open && expected !== null && record.fields.length < expected.length) {
      const whole = expected.join(this.#delimiter);
      if (whole.startsWith(raw)) throw cutOff(record.line, "it ends within the header");
    }
    checkHeader(record, { expected, delimiter: this.#delimiter });
    this.#headers?.check(record.fields);
    return record.fields;
  }

  #data(record: DelimitedRecord, shape: Shape): void {
    const { fields, line, open } = record;
    const { columns } = shape;
    if (open && !record.malformed && fields.length < columns.length) {
      throw cutOff(line, `it has ${fields.length} of ${columns.length} fields and no line end`);
    }
    const reject = rejectOf(record, columns);
    if (reject !== null) {
      if (reject.code === "REPEATED_HEADER" && this.#rules.repeatedHeader === "skip") return;
      this.#pages.reject(reject, line);
      return;
    }
    const why = open ? (this.#rules.lastRow?.(toRow(fields, shape)) ?? null) : null;
    if (why !== null) throw cutOff(line, why);
    this.#pages.row(toRow(fields, shape), line);
  }
}

function lengthsOf(names: readonly string[]): Uint8Array {
  const lengths = new Uint8Array(1 + Math.max(0, ...names.map(({ length }) => length)));
  for (const { length } of names) lengths[length] = 1;
  return lengths;
}

function toRow(fields: readonly string[], { columns, template }: Shape): Row {
  const row: Record<string, string> = { ...(template as Record<string, string>) };
  for (let index = 0; index < columns.length; index++)
    row[columns[index] as string] = fields[index] as string;
  return row;
}
