/** A value of a row as the driver sends it. */
export type Cell = string | number | boolean | null;

/** The columns of rows that go into a statement: their names and SQL types. */
export class RowColumns {
  readonly #names: string;
  readonly #types: readonly string[];

  constructor(columns: Readonly<Record<string, string>>) {
    this.#names = Object.keys(columns).join(", ");
    this.#types = Object.values(columns);
  }

  /** How many parameters they take. */
  count(filled: string | undefined): number {
    return filled === undefined ? this.#types.length : filled.replaceAll("0", "").length;
  }

  /**
   * The rows in SQL under an alias, where their first parameter has this number: an array for each column, so that
   * the text does not depend on how many rows there are; or, for a single row, those of its cells that are filled.
   *
   * @param filled for a single row: `1` for each cell that is filled, `0` for one that is null.
   */
  source(alias: string, first: number, filled: string | undefined): string {
    if (filled === undefined) {
      const list = this.#types.map((type, index) => `$${first + index}::${type}[]`).join(", ");
      return `unnest(${list}) AS ${alias}(${this.#names})`;
    }
    let next = first;
    const cell = (type: string, index: number) =>
      filled[index] === "1" ? `$${next++}::${type}` : `NULL::${type}`;
    return `(VALUES (${this.#types.map(cell).join(", ")})) AS ${alias}(${this.#names})`;
  }
}

/** Rows on their way into a statement, column by column. */
export class RowSet {
  readonly #columns: Cell[][] = [];
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** Appends a row; its cells are in the order of the columns. */
  add(...cells: readonly Cell[]): void {
    if (this.#count === 0) {
      for (const cell of cells) this.#columns.push([cell]);
    } else {
      for (let index = 0; index < this.#columns.length; index += 1) {
        this.#columns[index]?.push(cells[index] ?? null);
      }
    }
    this.#count += 1;
  }

  /** The same rows with so many more columns, in which they have nothing. */
  widened(columns: number): RowSet {
    const wide = new RowSet();
    wide.#count = this.#count;
    wide.#columns.push(...this.#columns);
    for (let index = 0; index < columns && this.#count > 0; index += 1) {
      wide.#columns.push(Array.from({ length: this.#count }, () => null));
    }
    return wide;
  }

  /** The parameters: an array per column. */
  parameters(): readonly unknown[] {
    return this.#columns;
  }

  /** The parameters of a single row, which are its filled cells, and which these are. */
  single(): { readonly values: readonly Cell[]; readonly filled: string } {
    const cells = this.#columns.map(([cell]) => cell ?? null);
    const filled = cells.map((cell) => (cell === null ? "0" : "1")).join("");
    return { values: cells.filter((cell) => cell !== null), filled };
  }
}
