/** How many runs a process may take on: those at work hold a slot each, but for some that are about to leave it or do not need it. */
export class Slots {
  readonly #concurrency: number;
  readonly #taken: () => number;
  /** Runs of which no code is under way: their steps wait for children, or they wait to be let go of. */
  #resting = 0;
  /** Runs whose end is being written: their slots are free as good as now. */
  #ending = 0;

  /** @param taken how many runs are at work, or about to be. */
  constructor(concurrency: number, taken: () => number) {
    this.#concurrency = concurrency;
    this.#taken = taken;
  }

  get free(): number {
    return this.#concurrency - this.#taken() + this.#resting + this.#ending;
  }

  /** A run of which no code is under way holds no slot, or parents could keep their own children out. */
  rest(atRest: boolean): void {
    this.#resting += atRest ? 1 : -1;
  }

  end(isEnding: boolean): void {
    this.#ending += isEnding ? 1 : -1;
  }
}
