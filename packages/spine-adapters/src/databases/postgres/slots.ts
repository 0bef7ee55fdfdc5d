import { SpineError } from "spine-core";

/** Lets so many holders in at a time, in the order of asking; who waits too long is refused. */
export class Slots {
  readonly #waiting: (() => void)[] = [];
  readonly #waitMs: number;
  #free: number;

  constructor(count: number, waitMs: number) {
    this.#free = count;
    this.#waitMs = waitMs;
  }

  /** Resolves when there is a slot, with the function that gives it back. */
  async take(): Promise<() => void> {
    if (this.#free > 0) this.#free -= 1;
    else await this.#wait();
    return () => {
      const next = this.#waiting.shift();
      // Handed over without being free in between: nobody overtakes.
      if (next) next();
      else this.#free += 1;
    };
  }

  #wait(): Promise<void> {
    return new Promise((resolve, reject) => {
      const enter = () => {
        clearTimeout(timer);
        resolve();
      };
      const timer = setTimeout(() => {
        this.#waiting.splice(this.#waiting.indexOf(enter), 1);
        reject(
          new SpineError(
            "DATABASE_BUSY",
            "Other transactions of this process took too long. End them sooner.",
          ),
        );
      }, this.#waitMs);
      this.#waiting.push(enter);
    });
  }
}
