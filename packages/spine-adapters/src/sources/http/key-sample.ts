import { createHash } from "node:crypto";
import { canonicalJson, type JsonValue, type Row } from "spine-core";

/** What a cursor keeps of the keys of all rows before it. */
export type StoredKeys = {
  /** Of the keys whose hash can be divided by this many (a power of two), the hashes. */
  readonly every: number;
  readonly hashes: readonly number[];
  readonly last: number | null;
};

/** Hashes kept at most. */
const MOST = 128;

/**
 * Notices rows that come again on a later page, because the other side changed their order or put in others meanwhile. It knows
 * every key of the page before, and of all earlier pages a sample that stays small however many there are: of rows that are
 * sent again in numbers one is in it, though not always of a single one.
 */
export class KeySample {
  readonly #fields: readonly string[];
  #every: number;
  #hashes: Set<number>;
  #before: ReadonlySet<number>;

  constructor(fields: readonly string[], stored: StoredKeys | null) {
    this.#fields = fields;
    this.#every = stored?.every ?? 1;
    this.#hashes = new Set(stored?.hashes);
    this.#before = new Set(stored === null || stored.last === null ? [] : [stored.last]);
  }

  /** Takes a page; the first row of it that was there before, or null. A page with such a row is not taken. */
  take(rows: readonly Row[]): Row | null {
    const hashes = rows.map((row) => this.#hashOf(row));
    const again = hashes.findIndex((hash) => this.#before.has(hash) || this.#hashes.has(hash));
    if (again !== -1) return rows[again] ?? null;
    for (const hash of hashes) if (hash % this.#every === 0) this.#hashes.add(hash);
    while (this.#hashes.size > MOST) {
      this.#every *= 2;
      this.#hashes = new Set([...this.#hashes].filter((hash) => hash % this.#every === 0));
    }
    if (hashes.length > 0) this.#before = new Set(hashes);
    return null;
  }

  get stored(): StoredKeys {
    return { every: this.#every, hashes: [...this.#hashes], last: [...this.#before].at(-1) ?? null };
  }

  #hashOf(row: Row): number {
    const key = this.#fields.map((field) => (row[field] ?? null) as JsonValue);
    return createHash("sha256").update(canonicalJson(key)).digest().readUIntBE(0, 6);
  }
}
