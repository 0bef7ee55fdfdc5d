/** A follower that has not said so again for so long is gone. */
const EXPIRY_MS = 60_000;
/** A change is kept for whoever is about to say that he follows. */
const RECENT_MS = 2_000;
const MOST_RECENT = 2_000;

/** Which other processes want to know what changes, and what changed lately, for one that says so only now. */
export class Followers {
  readonly #seen = new Map<string, number>();
  /** Run id → when it changed last; the oldest first. */
  readonly #recent = new Map<string, number>();
  #anyAt = Number.NEGATIVE_INFINITY;
  readonly #now: () => number;

  constructor(now = () => performance.now()) {
    this.#now = now;
  }

  get isAny(): boolean {
    const now = this.#now();
    for (const [id, at] of this.#seen) if (now - at > EXPIRY_MS) this.#seen.delete(id);
    return this.#seen.size > 0;
  }

  /** Notes what a process says; true when it follows and nobody knew. */
  note(id: string, follows: boolean): boolean {
    const known = this.isAny && this.#seen.has(id);
    if (follows) this.#seen.set(id, this.#now());
    else this.#seen.delete(id);
    return follows && !known;
  }

  changed(ids: readonly string[] | "any"): void {
    const now = this.#now();
    if (ids === "any") this.#anyAt = now;
    else {
      for (const id of ids) {
        this.#recent.delete(id);
        this.#recent.set(id, now);
      }
    }
    for (const [id, at] of this.#recent) {
      if (this.#recent.size > MOST_RECENT) this.#anyAt = now;
      else if (now - at <= RECENT_MS) break;
      this.#recent.delete(id);
    }
  }

  /** What changed within the last seconds; undefined when nothing did. */
  recent(): readonly string[] | "any" | undefined {
    const now = this.#now();
    if (now - this.#anyAt <= RECENT_MS) return "any";
    const ids = [...this.#recent].filter(([, at]) => now - at <= RECENT_MS).map(([id]) => id);
    return ids.length > 0 ? ids : undefined;
  }
}
