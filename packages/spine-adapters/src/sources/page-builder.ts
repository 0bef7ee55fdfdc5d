import { type JsonValue, type Page, type Reject, type Row, SourceError } from "spine-core";

/** What a cursor says of what it belongs to, beside how far it is read. */
export type Place = () => Readonly<Record<string, JsonValue>>;

/** A page is closed early at this size, so that memory stays flat however long the lines are. */
const MAX_PAGE_BYTES = 8 * 1024 * 1024;

/** A page that is being filled. */
interface Draft {
  readonly rows: Row[];
  readonly lines: number[];
  readonly rejects: Reject[];
  records: number;
  line: number;
}

/** Collects records into pages with their cursors, and leaves out those that were delivered before. */
export class PageBuilder {
  readonly #batch: number;
  readonly #place: Place;
  readonly #totalBytes: number | undefined;
  readonly before: number;
  #seen = 0;
  #draft: Draft = newDraft();
  #closed: Draft[] = [];
  #bytes = 0;
  #skippedSinceDrain = 0;

  /**
   * @param batch rows and rejects in a page at most
   * @param place what cursors say of what is read; asked for each page
   * @param before records that were delivered before
   * @param totalBytes decoded bytes in the whole file; undefined where they are not known
   */
  constructor(batch: number, place: Place, before: number, totalBytes?: number) {
    this.#batch = batch;
    this.#place = place;
    this.before = before;
    this.#totalBytes = totalBytes;
  }

  /** Rows and rejects met so far, those that were delivered before included. */
  get records(): number {
    return this.#seen;
  }

  /** Leaves out records that were delivered before, without making them. */
  skip(records: number): void {
    this.#seen += records;
    this.#skippedSinceDrain += records;
  }

  row(row: Row, line: number): void {
    if (this.#skip()) return;
    this.#draft.rows.push(row);
    this.#draft.lines.push(line);
    this.#added(line);
  }

  reject(reject: Reject, line: number): void {
    if (this.#skip()) return;
    this.#draft.rejects.push(reject);
    this.#added(line);
  }

  /** Counts what was read of the file. */
  read(bytes: number): void {
    this.#bytes += bytes;
  }

  /** The pages that are full. */
  full(): Page[] {
    if (this.#bytes >= MAX_PAGE_BYTES) this.#close();
    return this.#take();
  }

  /** What is left at the end of the file. */
  rest(): Page[] {
    if (this.#seen < this.before) {
      throw new SourceError(
        `The file has ${this.#seen} records, but ${this.before} were read of it before.`,
        {
          code: "SOURCE_CHANGED",
        },
      );
    }
    this.#close();
    return this.#take();
  }

  #skip(): boolean {
    const skip = this.#seen < this.before;
    this.#seen += 1;
    if (skip) this.#skippedSinceDrain += 1;
    return skip;
  }

  #added(line: number): void {
    const draft = this.#draft;
    draft.records = this.#seen;
    draft.line = line;
    if (draft.rows.length + draft.rejects.length >= this.#batch) this.#close();
  }

  #close(): void {
    if (this.#draft.rows.length + this.#draft.rejects.length === 0) return;
    this.#closed.push(this.#draft);
    this.#draft = newDraft();
  }

  #take(): Page[] {
    // Pages that end within one piece of the file share its bytes by their records.
    const sizes = this.#closed.map((draft) => draft.rows.length + draft.rejects.length);
    const open = this.#draft.rows.length + this.#draft.rejects.length;
    let records = this.#skippedSinceDrain + open + sizes.reduce((sum, size) => sum + size, 0);
    this.#drop(this.#skippedSinceDrain, records);
    records -= this.#skippedSinceDrain;
    this.#skippedSinceDrain = 0;
    const pages = this.#closed.map((draft, index): Page => {
      const size = sizes[index] ?? 0;
      const bytes = this.#drop(size, records);
      records -= size;
      return this.#page(draft, bytes);
    });
    this.#closed = [];
    return pages;
  }

  #drop(part: number, records: number): number {
    const bytes = records === 0 ? 0 : Math.round((this.#bytes * part) / records);
    this.#bytes -= bytes;
    return bytes;
  }

  #page(draft: Draft, bytes: number): Page {
    const cursor = { records: draft.records, line: draft.line, ...this.#place() };
    const { rows, lines, rejects } = draft;
    const totalBytes = this.#totalBytes;
    return { rows, lines, rejects, cursor, bytes, ...(totalBytes === undefined ? {} : { totalBytes }) };
  }
}

function newDraft(): Draft {
  return { rows: [], lines: [], rejects: [], records: 0, line: 0 };
}
