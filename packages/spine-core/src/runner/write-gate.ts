/**
 * Keeps a run's own writes out of its own transactions: a database that promises each transaction one unchanging view would
 * refuse the transaction, and do its work again, because the run's row was changed under it. Writes go beside each other;
 * a transaction goes alone, in the order of asking.
 */
export class WriteGate {
  #sharing = 0;
  #alone = false;
  readonly #waiting: { readonly alone: boolean; readonly enter: () => void }[] = [];

  /** Does a write that others may go beside. */
  async share<T>(work: () => Promise<T>): Promise<T> {
    if (this.#alone || this.#waiting.length > 0) await this.#wait(false);
    else this.#sharing += 1;
    try {
      return await work();
    } finally {
      this.#sharing -= 1;
      this.#next();
    }
  }

  /** Does work with no other write of the run beside it. */
  async alone<T>(work: () => Promise<T>): Promise<T> {
    if (this.#alone || this.#sharing > 0 || this.#waiting.length > 0) await this.#wait(true);
    else this.#alone = true;
    try {
      return await work();
    } finally {
      this.#alone = false;
      this.#next();
    }
  }

  #wait(alone: boolean): Promise<void> {
    return new Promise((enter) => {
      this.#waiting.push({ alone, enter });
    });
  }

  #next(): void {
    for (let first = this.#waiting[0]; first; first = this.#waiting[0]) {
      if (this.#alone || (first.alone && this.#sharing > 0)) return;
      this.#waiting.shift();
      // Taken before it goes on, so that nobody slips in between.
      if (first.alone) this.#alone = true;
      else this.#sharing += 1;
      first.enter();
    }
  }
}
