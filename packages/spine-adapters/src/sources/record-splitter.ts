import Papa from "papaparse";

/** Records of a text, in order. Fields are exactly what stands there, without quotes and line ends. */
export interface SplitText {
  readonly records: readonly string[][];
  /** Characters of the text that the records took. */
  readonly consumed: number;
  /** Indexes of the records whose quotes make no sense; `records.length` stands for the one that is not whole. */
  readonly malformed: ReadonlySet<number>;
  /** True when the text ends inside a quoted field; its record is the last one. Only at the end of a file. */
  readonly unclosed: boolean;
  /** True when records can span lines. */
  readonly multiline: boolean;
  /** The text of a record as it stands in the file, without its line end. */
  raw(index: number): string;
}

/**
 * Splits text with quotes into records at LF or CRLF, and records into fields.
 *
 * @returns a function of the text and whether the file ends with it: otherwise the last, unfinished record is
 *   left for the next call.
 */
export function recordSplitter(delimiter: string): (text: string, last: boolean) => SplitText {
  // The parser's LF mode takes CRLF too: the CR is left in the last field, or dropped after a closing quote.
  const config: Papa.ParseConfig<string[]> = { delimiter, newline: "\n", quoteChar: '"', fastMode: false };
  const parser = new Papa.Parser(config);

  return (text, last) => {
    const parsed: Papa.ParseResult<string[]> = parser.parse(text, 0, !last);
    const records = parsed.data;
    const consumed = parsed.meta.cursor;

    let ends: readonly number[] | undefined;
    const record = (index: number): string => {
      ends ??= recordEnds(text, last, config);
      return text.slice(ends[index - 1] ?? 0, ends[index] ?? text.length).replace(/\n$/, "");
    };

    // A quoted field may itself end in a CR, which belongs to it.
    const doubtful = text.includes('\r"');
    for (let index = 0; index < records.length; index++) {
      const fields = records[index] as string[];
      const at = fields.length - 1;
      const field = fields[at] as string;
      if (field.charCodeAt(field.length - 1) !== 13) continue;
      if (!doubtful || endsUnquoted(record(index), field, delimiter)) fields[at] = field.slice(0, -1);
    }

    const malformed = new Set<number>();
    let unclosed = false;
    for (const error of parsed.errors) {
      if (error.code === "MissingQuotes") unclosed = true;
      else if (error.row !== undefined) malformed.add(error.row);
    }
    const lineEndsOfRecords = records.length - (last && records.length > 0 ? 1 : 0);
    return {
      records,
      consumed,
      malformed,
      unclosed,
      multiline: lineEnds(text, consumed) > lineEndsOfRecords,
      raw: (index) => record(index).replace(/\r$/, ""),
    };
  };
}

/** Whether a record's last field stands there without quotes: then it follows a delimiter or is the whole record. */
function endsUnquoted(record: string, field: string, delimiter: string): boolean {
  const start = record.length - field.length;
  return record.endsWith(field) && (start === 0 || record[start - 1] === delimiter);
}

/** Where each record ends. The parser tells only when it hands out records one by one, which is slow. */
function recordEnds(text: string, last: boolean, config: Papa.ParseConfig<string[]>): number[] {
  const ends: number[] = [];
  const step = (result: Papa.ParseStepResult<string[]>): void => {
    ends.push(result.meta.cursor);
  };
  const parser = new Papa.Parser({ ...config, step } as Papa.ParseConfig<string[]>);
  parser.parse(text, 0, !last);
  return ends;
}

/** Line feeds in the first `length` characters. */
export function lineEnds(text: string, length = text.length): number {
  let count = 0;
  for (let at = text.indexOf("\n"); at !== -1 && at < length; at = text.indexOf("\n", at + 1)) count += 1;
  return count;
}
