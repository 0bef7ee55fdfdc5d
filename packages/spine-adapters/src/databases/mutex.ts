/** Lets one holder in at a time, in the order of asking. */
export class Mutex {
  #held = false;
  readonly #waiting: (() => void)[] = [];
  readonly #onWait: () => void;

  /** @param onWait called when somebody begins to wait for a lock that another one holds. */
  constructor(onWait: () => void = () => {}) {
    this.#onWait = onWait;
  }

  /** How many wait for it. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Resolves when the lock is ours, with the function that gives it back. Calling that again does nothing. */
  async lock(): Promise<() => void> {
    if (this.#held) {
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
        this.#onWait();
      });
    }
    this.#held = true;
    let ours = true;
    return () => {
      if (!ours) return;
      ours = false;
      const next = this.#waiting.shift();
      // Handed over without being free in between: nobody overtakes.
      if (next) next();
      else this.#held = false;
    };
  }
}
