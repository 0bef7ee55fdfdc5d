import { type Row, SourceError } from "spine-core";
import { checkTrailer, cutOff, type DelimitedRecord, rejectOf, unclosedQuote } from "./delimited-faults.ts";
import type { FileRules } from "./file-source-options.ts";
import { checkHeader } from "./header-check.ts";
import { checkLineLength } from "./line-limit.ts";
import type { PageBuilder } from "./page-builder.ts";
import type { RecordReader } from "./record-reader.ts";
import { lineEnds, recordSplitter, type SplitText } from "./record-splitter.ts";

/** Reads csv, psv and tsv. Every record becomes a row or a reject, or is blank, a header or the trailer. */
export class DelimitedReader implements RecordReader {
  readonly #rules: FileRules;
  readonly #delimiter: string;
  readonly #pages: PageBuilder;
  readonly #split: (text: string, last: boolean) => SplitText;
  #rest = "";
  /** Line at which the next record begins. */
  #line = 1;
  #columns: readonly string[] | null = null;
  /** A record that is the trailer unless another one follows. */
  #held: DelimitedRecord | null = null;

  constructor(rules: FileRules, delimiter: string, pages: PageBuilder) {
    this.#rules = rules;
    this.#delimiter = delimiter;
    this.#pages = pages;
    this.#split = recordSplitter(delimiter, rules.quote);
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
    // A CR at the very end is half of a line end, also after a closing quote.
    const rest = this.#rest.endsWith("\r") ? this.#rest.slice(0, -1) : this.#rest;
    if (rest !== "") this.#take(rest, true);
    if (this.#columns === null) {
      throw new SourceError("The file holds nothing but blank lines.", { code: "SOURCE_EMPTY" });
    }
    if (this.#rules.trailer === "count") checkTrailer(this.#held, this.#pages.records);
  }

  /** Takes the records of a text, and says whether what is left over has malformed quotes. */
  #take(text: string, last: boolean): boolean {
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

      const columns = this.#columns;
      if (
        columns !== null &&
        fields.length === columns.length &&
        fields.length > 1 &&
        fields[0] !== columns[0] &&
        this.#held === null &&
        !(open || malformed || nul)
      ) {
        // Nearly all records come here. What may be anything else is looked at closely.
        this.#row(fields, columns, line);
      } else {
        this.#look({ fields, line, malformed, open, raw: () => split.raw(index) });
      }
    }
    this.#rest = text.slice(split.consumed);
    return split.malformed.has(count);
  }

  #row(fields: readonly string[], columns: readonly string[], line: number): void {
    this.#pages.row(this.#pages.skips ? {} : toRow(fields, columns), line);
  }

  #look(record: DelimitedRecord): void {
    const { fields } = record;
    if (fields.length === 1 && fields[0] === "" && record.raw() === "") return;
    if (this.#columns === null) {
      const { header, columns } = this.#rules;
      this.#columns = header
        ? this.#header(record)
        : (columns ?? fields.map((_field, index) => `col_${index}`));
      if (header) return;
    }
    const held = this.#held;
    this.#held = null;
    if (held !== null) this.#data(held, this.#columns);
    if (this.#rules.trailer === "count" && fields.length === 1 && /^\d{1,15}$/.test(fields[0] ?? "")) {
      this.#held = record;
    } else {
      this.#data(record, this.#columns);
    }
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
    return record.fields;
  }

  #data(record: DelimitedRecord, columns: readonly string[]): void {
    const { fields, line, open } = record;
    if (open && !record.malformed && fields.length < columns.length) {
      throw cutOff(line, `it has ${fields.length} of ${columns.length} fields and no line end`);
    }
    const reject = rejectOf(record, columns);
    if (reject !== null) {
      if (reject.code === "REPEATED_HEADER" && this.#rules.repeatedHeader === "skip") return;
      this.#pages.reject(reject, line);
      return;
    }
    const why = open ? (this.#rules.lastRow?.(toRow(fields, columns)) ?? null) : null;
    if (why !== null) throw cutOff(line, why);
    this.#row(fields, columns, line);
  }
}

function toRow(fields: readonly string[], columns: readonly string[]): Row {
  const row: Record<string, string> = {};
  for (let index = 0; index < columns.length; index++)
    row[columns[index] as string] = fields[index] as string;
  return row;
}
