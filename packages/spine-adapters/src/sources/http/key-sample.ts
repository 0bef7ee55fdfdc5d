import { createHash } from "node:crypto";
import { canonicalJson, type JsonValue, type Row } from "spine-core";

/** What a cursor keeps of the keys of all rows before it. */
export type StoredKeys = {
  /** Of the keys whose hash can be divided by this many (a power of two), the hashes. */
  readonly every: number;
  readonly hashes: readonly number[];
  readonly last: number | null;
  /** Of whole rows: some were the same, so that a row that comes again says nothing. */
  readonly twice?: true;
};

/** Hashes kept at most. */
const MOST = 128;

/**
 * Notices rows that come again on a later page, because the other side changed their order or put in others meanwhile. It knows
 * every key of the page before, and of all earlier pages a sample that stays small however many there are: of rows that are
 * sent again in numbers one is in it, though not always of a single one.
 */
export class KeySample {
  readonly #fields: readonly string[] | null;
  readonly #isResumed: boolean;
  #isTwice: boolean;
  #every: number;
  #hashes: Set<number>;
  #before: ReadonlySet<number>;

  /**
   * @param fields the columns of the key. Null: there is none, and the whole row stands for it; then rows may be the same, and
   * one that comes again means another order only where it comes after a resume, and none has come again before.
   */
  constructor(fields: readonly string[] | null, stored: StoredKeys | null) {
    this.#fields = fields;
    this.#isResumed = stored !== null;
    this.#isTwice = stored?.twice ?? false;
    this.#every = stored?.every ?? 1;
    this.#hashes = new Set(stored?.hashes);
    this.#before = new Set(stored === null || stored.last === null ? [] : [stored.last]);
  }

  /** Takes a page; the first row of it that was there before, or null. A page with such a row is not taken. */
  take(rows: readonly Row[]): Row | null {
    if (this.#isTwice) return null;
    const hashes = rows.map((row) => this.#hashOf(row));
    const again = hashes.findIndex((hash) => this.#before.has(hash) || this.#hashes.has(hash));
    if (again !== -1 && (this.#fields !== null || this.#isResumed)) return rows[again] ?? null;
    if (again !== -1) {
      this.#isTwice = true;
      this.#hashes.clear();
      return null;
    }
    for (const hash of hashes) if (hash % this.#every === 0) this.#hashes.add(hash);
    while (this.#hashes.size > MOST) {
      this.#every *= 2;
      this.#hashes = new Set([...this.#hashes].filter((hash) => hash % this.#every === 0));
    }
    if (hashes.length > 0) this.#before = new Set(hashes);
    return null;
  }

  get stored(): StoredKeys {
    const known = { every: this.#every, hashes: [...this.#hashes], last: [...this.#before].at(-1) ?? null };
    return this.#isTwice ? { ...known, twice: true } : known;
  }

  #hashOf(row: Row): number {
    const key = this.#fields
      ? this.#fields.map((field) => (row[field] ?? null) as JsonValue)
      : (row as JsonValue);
    return createHash("sha256").update(canonicalJson(key)).digest().readUIntBE(0, 6);
  }
}
