/** Lets one holder in at a time, in the order of asking. */
export class Mutex {
  #held = false;
  readonly #waiting: (() => void)[] = [];

  /** Resolves when the lock is ours, with the function that gives it back. Calling that again does nothing. */
  async lock(): Promise<() => void> {
    if (this.#held) await new Promise<void>((resolve) => this.#waiting.push(resolve));
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
