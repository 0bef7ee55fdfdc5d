import type { Hint } from "spine-core";

/** So many changed runs in one hint are too many to name. */
const MOST_IDS = 2_000;

/** Hints that are told together. */
export class PendingHints {
  #work = false;
  #schedules = false;
  #changed: Set<string> | "any" = new Set();
  #taken = new Set<string>();

  add({ work, changed, taken, schedules }: Hint): void {
    if (work) this.#work = true;
    if (schedules) this.#schedules = true;
    if (changed === "any") this.#changed = "any";
    else if (changed && this.#changed !== "any") {
      for (const id of changed) this.#changed.add(id);
      if (this.#changed.size > MOST_IDS) this.#changed = "any";
    }
    for (const id of taken ?? []) this.#taken.add(id);
  }

  /** What has gathered, and nothing is left of it; undefined when that was nothing. */
  take(): Hint | undefined {
    const [work, changed, taken, schedules] = [this.#work, this.#changed, this.#taken, this.#schedules];
    this.#work = false;
    this.#schedules = false;
    this.#changed = new Set();
    this.#taken = new Set();
    if (!work && !schedules && changed !== "any" && changed.size === 0 && taken.size === 0) return undefined;
    return {
      ...(work ? { work } : {}),
      ...(changed === "any" ? { changed } : changed.size > 0 ? { changed: [...changed] } : {}),
      ...(taken.size > 0 ? { taken: [...taken] } : {}),
      ...(schedules ? { schedules } : {}),
    };
  }
}
