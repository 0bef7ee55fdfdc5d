import { createHash } from "node:crypto";

/** Every connection keeps the plans of all names it was given: a program that makes up SQL must not fill it. */
const MOST_NAMES = 500;

/**
 * Names for prepared statements: a text that comes again is prepared once per connection, which saves the
 * server parsing and planning it. The first time a text is seen it goes unnamed, because most DDL never
 * comes again.
 */
export class StatementNames {
  readonly #names = new Map<string, string | null>();
  #generation = 0;
  #isOff = false;

  /** Names no statements any more: behind a pooler that shares sessions, a name is known to somebody else's connection. */
  turnOff(): void {
    this.#isOff = true;
  }

  /** The name of a statement that is known to come again; undefined where there are none. */
  of(sql: string): string | undefined {
    if (this.#isOff) return undefined;
    const known = this.#names.get(sql);
    if (known) return known;
    const hash = createHash("sha256").update(sql).digest("base64url").slice(0, 22);
    const name = `spine_${this.#generation === 0 ? "" : `${this.#generation}_`}${hash}`;
    this.#names.set(sql, name);
    return name;
  }

  /** The name of a statement from its second time on; undefined while it should go unnamed. */
  ofRepeated(sql: string): string | undefined {
    if (this.#isOff) return undefined;
    const known = this.#names.get(sql);
    if (known) return known;
    if (known === null) return this.of(sql);
    if (this.#names.size < MOST_NAMES) this.#names.set(sql, null);
    return undefined;
  }

  /** Forgets a statement whose plan does not fit the tables any more: it is prepared anew under another name. */
  forget(sql: string): void {
    this.#generation += 1;
    this.#names.delete(sql);
  }
}
