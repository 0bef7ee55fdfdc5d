import { hash } from "node:crypto";
import type { Increment as Range } from "../../data/dataset.ts";
import { before, checkMark, checkSameKind, type Mark, type MarkValue, markOf } from "../../data/mark.ts";
import { SourceError } from "../../errors.ts";
import type { CursorAttachment } from "../../history/attachment.ts";
import type { CursorName, CursorRecord } from "../../history/cursor-store.ts";
import { canonicalJson, type JsonValue } from "../../json.ts";
import type { Page, Reject, Row } from "../../sources/source.ts";
import type { Bound, Incremental } from "../../workflow/incremental.ts";
import type { FetchStep } from "../../workflow/step.ts";
import type { StepContext } from "../../workflow/step-context.ts";

/** What a cursor of rows holds: the mark, and by which rows at it those of the next run are recognised. */
interface Kept {
  readonly mark: MarkValue;
  /** By the position of their values: the hashes of rows, one behind the other. */
  readonly seen: Readonly<Record<string, string>>;
}

/** What of an increment stands with each chunk. A type, not an interface, because it has to be JSON. */
export type IncrementState = {
  /** The cursor that it began with: another one has been moved since, and these rows are not behind it. */
  readonly from: string;
  readonly since: MarkValue | null;
  readonly until: MarkValue | null;
  readonly duplicates: number;
  readonly outside: number;
};

/** Characters of a hash of a row: 96 bits. */
const HASH = 16;
/** Rows by which those of the next run are recognised. */
const MOST_SEEN = 100_000;

/** Of these, the most that are kept with each page of a step whose rows cannot be looked at again. */
const MOST_KEPT = 1_000;

interface Progress {
  readonly mark: MarkValue | null;
  readonly seen: readonly (readonly [hashed: string, position: string])[];
}

interface Counted {
  duplicates: number;
  outside: number;
}

/** The part of a fetch that knows what earlier runs have delivered, and what this one does. */
export class Increment {
  readonly #options: Incremental;
  readonly #name: CursorName;
  readonly #record: CursorRecord | undefined;
  readonly #isBackfill: boolean;
  readonly #since: Mark | null;
  readonly #until: Mark | null;
  /** The mark of the runs before, and the rows that they have delivered there. */
  readonly #known: { readonly mark: Mark; readonly seen: ReadonlySet<string>; readonly kept: Kept } | null;
  readonly #seen = new Map<string, string>();
  #mark: Mark | null;
  #prunedAt = 1_000;
  #counted: Counted;

  /** @param stored what stands with the chunks that an earlier attempt has stored, if it has. */
  constructor(
    step: Pick<FetchStep, "name"> & { readonly incremental: Incremental },
    name: CursorName,
    record: CursorRecord | undefined,
    context: StepContext,
    stored: IncrementState | null,
  ) {
    const options = step.incremental;
    const isText = options.order === "text";
    const bound = (what: string, given: Bound<MarkValue, StepContext> | undefined): Mark | null => {
      const value = typeof given === "function" ? given(context) : given;
      if (value === undefined || value === null) return null;
      return checkMark(value, isText, `The ${what} of step "${step.name}"`);
    };
    this.#options = options;
    this.#name = name;
    this.#record = record;
    const start = bound("start", options.start);
    const end = bound("end", options.end);
    this.#isBackfill = end !== null;
    const kept = this.#isBackfill ? null : ((record?.value ?? null) as Kept | null);
    this.#known = kept && knownOf(kept, isText);
    this.#mark = this.#known?.mark ?? null;
    this.#since = stored ? markOrNull(stored.since, isText) : this.#begin(start);
    this.#until = stored ? markOrNull(stored.until, isText) : end;
    this.#counted = { duplicates: stored?.duplicates ?? 0, outside: stored?.outside ?? 0 };
    if (this.#since && this.#until) checkSameKind(this.#since, this.#until, `The end of step "${step.name}"`);
  }

  /** What tells the cursor that a fetch began with from one that was moved meanwhile. */
  static fingerprint(record: CursorRecord | undefined): string {
    return record ? `${record.resets}/${record.position ?? ""}` : "0/";
  }

  get bounds(): { readonly since: MarkValue | null; readonly until: MarkValue | null } {
    return { since: this.#since?.value ?? null, until: this.#until?.value ?? null };
  }

  /** Rows that are not in the dataset, and are no rejects either. */
  get left(): number {
    return this.#counted.duplicates + this.#counted.outside;
  }

  state(): IncrementState {
    return { from: Increment.fingerprint(this.#record), ...this.bounds, ...this.#counted };
  }

  /** What of a page is new. */
  filter(page: Page): Page {
    const rows: Row[] = [];
    const lines: number[] = [];
    const rejects: Reject[] = [...(page.rejects ?? [])];
    const marks: Mark[] = [];
    for (const [index, row] of page.rows.entries()) {
      const line = page.lines?.[index] ?? null;
      const mark = this.#markOf(row);
      if (!mark) {
        rejects.push(this.#refused(row, line));
      } else if (this.#isOutside(mark)) {
        this.#counted.outside += 1;
      } else if (this.#isKnown(row, mark)) {
        this.#counted.duplicates += 1;
      } else {
        rows.push(row);
        marks.push(mark);
        if (line !== null) lines.push(line);
      }
    }
    this.#follow(rows, marks);
    return { ...page, rows, rejects, ...(page.lines ? { lines } : {}) };
  }

  /** Looks at rows that are stored already: those of earlier attempts. */
  look(rows: readonly Row[]): void {
    const marks = rows.map((row) => this.#markOf(row)).filter((mark) => mark !== undefined);
    if (marks.length === rows.length) this.#follow(rows, marks);
  }

  /** The mark, and the rows that are remembered; null where these are too many to stand with each page. */
  progress(): JsonValue | null {
    if (this.#seen.size > MOST_KEPT) return null;
    return { mark: this.#mark?.value ?? null, seen: [...this.#seen].map(([hashed, at]) => [hashed, at]) };
  }

  goOn(progress: JsonValue): void {
    const { mark, seen } = progress as unknown as Progress;
    this.#mark = markOrNull(mark, this.#options.order === "text");
    for (const [hashed, position] of seen) this.#seen.set(hashed, position);
  }

  range(): Range {
    return { ...this.bounds, mark: this.#isBackfill ? null : (this.#mark?.value ?? null), ...this.#counted };
  }

  /** How far it has come, for the end of the run; none for a backfill, and where nothing was ever delivered. */
  cursor(): CursorAttachment | null {
    const mark = this.#mark;
    if (this.#isBackfill || !mark) return null;
    const kept: Kept = {
      mark: mark.value,
      seen: this.#options.duplicates === "deliver" ? {} : this.#kept(mark),
    };
    const position = keptPosition(mark, kept);
    // A run without anything new has nothing to move.
    if (position === this.#record?.position) return null;
    const resets = this.#record?.resets ?? 0;
    return { kind: "cursor", name: this.#name, position, value: JSON.stringify(kept), resets };
  }

  #begin(start: Mark | null): Mark | null {
    const { lag } = this.#options;
    if (!this.#known) return start;
    const mark = this.#known.mark;
    const back = lag === undefined ? mark : before(mark, lag);
    if (!start) return back;
    checkSameKind(mark, start, "The start of the fetch");
    return start.position > back.position ? start : back;
  }

  #markOf(row: Row): Mark | undefined {
    const mark = markOf(row[this.#options.field], this.#options.order === "text");
    const other = this.#since ?? this.#until ?? this.#mark;
    if (!mark || !other || mark.kind === other.kind) return mark;
    return undefined;
  }

  #isOutside({ position }: Mark): boolean {
    return (
      (this.#since !== null && position < this.#since.position) ||
      (this.#until !== null && position >= this.#until.position)
    );
  }

  #isKnown(row: Row, mark: Mark): boolean {
    if (!this.#known || mark.position > this.#known.mark.position) return false;
    return this.#known.seen.size > 0 && this.#known.seen.has(this.#hash(row, mark));
  }

  /** Moves the mark on, and remembers the rows by which those of the next run are recognised. */
  #follow(rows: readonly Row[], marks: readonly Mark[]): void {
    if (this.#isBackfill) return;
    let top = this.#mark;
    for (const mark of marks) if (!top || mark.position > top.position) top = mark;
    this.#mark = top;
    if (!top || this.#options.duplicates === "deliver") return;
    const floor = this.#floor(top);
    if (this.#options.lag === undefined || this.#seen.size > this.#prunedAt) this.#prune(floor);
    for (const [index, row] of rows.entries()) {
      const mark = marks[index];
      if (mark && mark.position >= floor) this.#seen.set(this.#hash(row, mark), mark.position);
    }
    if (this.#seen.size > MOST_SEEN) this.#prune(floor);
    if (this.#seen.size <= MOST_SEEN) return;
    throw new SourceError(
      `More than ${MOST_SEEN} rows lie within the lag of the greatest "${this.#options.field}": they cannot all be remembered until the next run. Use a smaller lag, a field with finer values, or \`duplicates: "deliver"\` with a load that replaces rows.`,
      { code: "SOURCE_TOO_LARGE" },
    );
  }

  #prune(floor: string): void {
    for (const [hashed, position] of this.#seen) if (position < floor) this.#seen.delete(hashed);
    this.#prunedAt = 2 * this.#seen.size + 1_000;
  }

  /** The position from which on the next run will ask. */
  #floor(mark: Mark): string {
    return this.#options.lag === undefined ? mark.position : before(mark, this.#options.lag).position;
  }

  /** What the next run may meet again: rows of this one, and of those before it. */
  #kept(mark: Mark): Kept["seen"] {
    const floor = this.#floor(mark);
    const seen: Record<string, string> = {};
    for (const [position, hashes] of Object.entries(this.#known?.kept.seen ?? {})) {
      if (position >= floor) seen[position] = hashes;
    }
    for (const [hashed, position] of this.#seen) {
      if (position >= floor) seen[position] = (seen[position] ?? "") + hashed;
    }
    return seen;
  }

  #hash(row: Row, { position }: Mark): string {
    const { key } = this.#options;
    const what = key ? [position, ...key.map((column) => row[column] ?? null)] : row;
    return hash("sha256", canonicalJson(JSON.parse(JSON.stringify(what)) as JsonValue), "base64url").slice(
      0,
      HASH,
    );
  }

  #refused(row: Row, line: number | null): Reject {
    const { field } = this.#options;
    const value = JSON.stringify(row[field]) ?? "missing";
    return {
      code: "CURSOR_FIELD_INVALID",
      message: `The field "${field}" is ${value}, which does not compare with the values of the others.`,
      line,
      raw: JSON.parse(JSON.stringify(row)) as JsonValue,
    };
  }
}

/** A cursor of rows that is set by hand: no row at the mark has been delivered. */
export function cursorAt(mark: Mark): { readonly position: string; readonly value: JsonValue } {
  const kept = { mark: mark.value, seen: {} };
  return { position: keptPosition(mark, kept), value: kept };
}

/** By the mark, then by how many rows were seen there: at one and the same mark more may come. */
function keptPosition({ position }: Mark, { seen }: Kept): string {
  const rows = Object.values(seen).reduce((sum, hashes) => sum + hashes.length / HASH, 0);
  return `${position}\u0001${String(rows).padStart(6, "0")}`;
}

function markOrNull(value: MarkValue | null, isText: boolean): Mark | null {
  return value === null ? null : checkMark(value, isText, "A stored bound");
}

function knownOf(
  kept: Kept,
  isText: boolean,
): { readonly mark: Mark; readonly seen: ReadonlySet<string>; readonly kept: Kept } {
  const seen = new Set<string>();
  for (const hashes of Object.values(kept.seen)) {
    for (let at = 0; at < hashes.length; at += HASH) seen.add(hashes.slice(at, at + HASH));
  }
  return { mark: checkMark(kept.mark, isText, "The stored mark"), seen, kept };
}
