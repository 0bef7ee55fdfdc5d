/** Hands writes over in batches: what is asked for within a tick, or while the last batch is under way, goes together. */
export class BatchedWrites<W> {
  readonly #flush: (writes: readonly W[]) => Promise<void> | void;
  #writes: W[] = [];
  #waiting: { resolve: () => void; reject: (error: unknown) => void }[] = [];
  #busy = false;

  constructor(flush: (writes: readonly W[]) => Promise<void> | void) {
    this.#flush = flush;
  }

  /** Resolves once the write is durable. */
  write(write: W): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#writes.push(write);
      this.#waiting.push({ resolve, reject });
      if (!this.#busy) this.#next();
    });
  }

  #next(): void {
    this.#busy = true;
    setImmediate(() => void this.#go());
  }

  async #go(): Promise<void> {
    const [writes, waiting] = [this.#writes, this.#waiting];
    this.#writes = [];
    this.#waiting = [];
    try {
      await this.#flush(writes);
      for (const { resolve } of waiting) resolve();
    } catch (error) {
      for (const { reject } of waiting) reject(error);
    }
    if (this.#writes.length > 0) this.#next();
    else this.#busy = false;
  }
}
